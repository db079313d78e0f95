"""Items and skipped files."""

from __future__ import annotations

import os
import stat
from os import stat_result
from typing import Literal, NamedTuple, Protocol

__all__ = ["NO_FILE_SIZE", "Item", "Skipped"]

NO_FILE_SIZE = -1


class Item(NamedTuple):
    """One input file, with the data that a plan needs.

    Attributes
    ----------
    id : str
        Name of its output below OUT, with parts separated by ``/``.
    source : str
        Path as given or reached, links not resolved; `os.fsencode` returns its bytes.
    size : int
        Size in bytes; `NO_FILE_SIZE` if there is no readable regular file: it does not exist, permission is denied, or
        it is a pipe or a device.  The item is kept, so that it is reported as failed.
    mtime_ns : int
        Time of the last change, in nanoseconds since 1970; 0 if ``size`` is `NO_FILE_SIZE`.
    """

    id: str
    source: str
    size: int
    mtime_ns: int

    @classmethod
    def from_stat(cls, item_id: str, source: str, status: stat_result | None) -> Item:
        """Create an item from the result of `os.stat`, or from None if that failed."""
        if status is None or not stat.S_ISREG(status.st_mode):
            return cls(item_id, source, NO_FILE_SIZE, 0)
        return cls(item_id, source, status.st_size, status.st_mtime_ns)

    @classmethod
    def look(cls, item_id: str, source: str) -> Item:
        """Create an item from the current state of the file."""
        try:
            return cls.from_stat(item_id, source, os.stat(source))
        except (OSError, ValueError):  # ValueError: the name contains a NUL, which only a tampered row has
            return cls.from_stat(item_id, source, None)

    @classmethod
    def of_row(cls, row: SourceFields) -> Item:
        """Create the item as it was when a row was written."""
        return cls(row.item_id, row.source, row.source_size, row.source_mtime_ns)


class SourceFields(Protocol):
    """The fields of a row that describe its input."""

    @property
    def item_id(self) -> str:
        """Id of the item."""

    @property
    def source(self) -> str:
        """Path as given or reached."""

    @property
    def source_size(self) -> int:
        """Size, in bytes."""

    @property
    def source_mtime_ns(self) -> int:
        """Time of the last change, in nanoseconds since 1970."""


class Skipped(NamedTuple):
    """A file or folder that the search skipped.

    Attributes
    ----------
    why : str
        ``hidden``, ``excluded``, ``link`` to a folder, ``again`` for a folder that was entered before, ``out`` for OUT
        itself, ``other`` kind of file, ``unreadable``.
    what : str
        The extension of an ``other``, the path of an ``unreadable``.
    error : str
        The system's error message for an ``unreadable``.
    """

    why: Literal["hidden", "excluded", "link", "again", "out", "other", "unreadable"]
    what: str = ""
    error: str = ""
