"""Kinds of damage in OUT."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

from melcli.printable import printable

__all__ = ["DAMAGES", "DAMAGES_OF_NUMBERS", "Damage", "DamageKind"]

DamageKind = Literal[
    "manifest",
    "failures",
    "journal",
    "config",
    "missing",
    "not_regular",
    "size",
    "header",
    "shard",
    "checksum",
    "nonfinite",
    "range",
    "unreadable",
    "killed_reader",
    "differs",
]
DAMAGES: tuple[str, ...] = get_args(DamageKind)
DAMAGES_OF_NUMBERS = ("checksum", "nonfinite", "range")  # found only by reading the numbers


@dataclass(frozen=True, slots=True, kw_only=True)
class Damage:
    """A damage of one file in OUT.

    Attributes
    ----------
    kind : str
        One of `DAMAGES`.
    path : str
        The file, relative to OUT.
    message : str
        One sentence without the item and the kind.
    id : str or None
        The row whose output is damaged; None if the file is the manifest, the journal or another file of OUT itself.
    item_id : str or None
        The input of that row, which has to be processed again.
    """

    kind: DamageKind
    path: str
    message: str
    id: str | None = None
    item_id: str | None = None

    def sentence(self) -> str:
        """Return the damage as a line for people."""
        return printable(f"{self.path if self.id is None else self.id}: {self.message} [{self.kind}]")

    def plain(self) -> dict[str, Any]:
        """Return the damage as an object for ``--json``."""
        return {"kind": self.kind, "id": self.id, "path": self.path, "message": printable(self.message)}
