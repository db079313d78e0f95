"""An item of ``melcli stats``."""

from __future__ import annotations

from dataclasses import dataclass

from melcli.store.rows import OkRow

__all__ = ["Member"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """An item to measure.

    Attributes
    ----------
    out : str
        The absolute path of its OUT.
    row : OkRow
    group : str or None
        Name of its group; None without groups.
    """

    out: str
    row: OkRow
    group: str | None = None
