"""The result of a task of ``melcli verify``: damages and counts."""

from __future__ import annotations

from dataclasses import dataclass

from melcli.store.damage import Damage

__all__ = ["Checked"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What came of a task.

    Attributes
    ----------
    damages : tuple of Damage
        What is wrong.
    num_read : int
        Outputs whose numbers were read.
    num_same, num_close : int
        Items that were extracted again: to the bit, and within the tolerance.
    num_changed : int
        Items whose source changed or vanished since, so that nothing can be said of them.
    """

    damages: tuple[Damage, ...] = ()
    num_read: int = 0
    num_same: int = 0
    num_close: int = 0
    num_changed: int = 0
