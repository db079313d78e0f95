"""Items and skipped files, as the search finds them."""

from __future__ import annotations

import os
import stat
from os import stat_result
from typing import Literal, NamedTuple, Protocol

__all__ = ["UNSEEN_SIZE", "Item", "PassedOver"]

UNSEEN_SIZE = -1


class Item(NamedTuple):
    """One input file: what a plan needs, and nothing else.

    Attributes
    ----------
    id : str
        Name of its output below OUT, parts separated by ``/``.
    source : str
        Path as it was given or reached, links not resolved; `os.fsencode` gives its bytes.
    size : int
        Bytes; `UNSEEN_SIZE` where there is no regular file to be seen: nothing there, no permission, a pipe, a device.
        The item stays, so that it is reported as failed and not forgotten.
    mtime_ns : int
        Time of last change, in nanoseconds since 1970; 0 where ``size`` is `UNSEEN_SIZE`.
    """

    id: str
    source: str
    size: int
    mtime_ns: int

    @classmethod
    def seen(cls, item_id: str, source: str, status: stat_result | None) -> Item:
        """Make the item from what `os.stat` said, or None where it refused."""
        if status is None or not stat.S_ISREG(status.st_mode):
            return cls(item_id, source, UNSEEN_SIZE, 0)
        return cls(item_id, source, status.st_size, status.st_mtime_ns)

    @classmethod
    def look(cls, item_id: str, source: str) -> Item:
        """Make the item from the file as it is now."""
        try:
            return cls.seen(item_id, source, os.stat(source))
        except (OSError, ValueError):  # ValueError: a name with a NUL in it, which no row of ours has
            return cls.seen(item_id, source, None)

    @classmethod
    def of_row(cls, row: SourceFields) -> Item:
        """Make the item as it was when a row was written."""
        return cls(row.item_id, row.source, row.source_size, row.source_mtime_ns)


class SourceFields(Protocol):
    """The fields of a row that describe its input."""

    @property
    def item_id(self) -> str:
        """Id of the item."""

    @property
    def source(self) -> str:
        """Path as the user gave it."""

    @property
    def source_size(self) -> int:
        """Bytes."""

    @property
    def source_mtime_ns(self) -> int:
        """Time of the last change, in nanoseconds since 1970."""


class PassedOver(NamedTuple):
    """One thing that was met and not taken.

    Attributes
    ----------
    why : str
        ``hidden``, ``excluded``, ``link`` to a folder, ``again`` for a folder that was entered before, ``out`` for OUT
        itself, ``other`` kind of file, ``unreadable``.
    what : str
        The extension of an ``other``, the path of an ``unreadable``.
    error : str
        What the system said of an ``unreadable``.
    """

    why: Literal["hidden", "excluded", "link", "again", "out", "other", "unreadable"]
    what: str = ""
    error: str = ""
