"""The result of a task of ``melcli verify``: damages and counts."""

from __future__ import annotations

from dataclasses import dataclass

from melcli.store.damage import Damage

__all__ = ["TaskResult"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskResult:
    """The result of one task.

    Attributes
    ----------
    damages : tuple of Damage
        The damages found.
    num_read : int
        Outputs whose numbers were read.
    num_same, num_close : int
        Recomputed items whose numbers equal the stored ones bit by bit, or within the tolerance.
    num_not_comparable : int
        Items whose source changed or vanished since it was extracted.
    """

    damages: tuple[Damage, ...] = ()
    num_read: int = 0
    num_same: int = 0
    num_close: int = 0
    num_not_comparable: int = 0
