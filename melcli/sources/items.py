"""Items and skipped files."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from os import stat_result
from typing import Any, Literal, NamedTuple, Protocol

from melcli.sources.bounds import Bounds, BoundsFields
from melcli.sources.records import Scalar

__all__ = ["NO_FILE_SIZE", "Columns", "Item", "Skipped", "columns_json"]

NO_FILE_SIZE = -1
Columns = Mapping[str, Scalar]  # of a table, carried to the rows


class Item(NamedTuple):
    """A piece of audio: a file or a part of it, with the data that a plan needs.

    Attributes
    ----------
    id : str
        Name of its output below OUT, with parts separated by ``/``.
    source : str
        Path as given or reached, links not resolved; `os.fsencode` returns its bytes.  Or a command, see ``bounds``.
    size : int
        Size in bytes; `NO_FILE_SIZE` if there is no readable regular file: it does not exist, permission is denied, or
        it is a pipe or a device.  The item is kept, so that it is reported as failed.
    mtime_ns : int
        Time of the last change, in nanoseconds since 1970; 0 if ``size`` is `NO_FILE_SIZE`.
    bounds : str
        The part of the source, as text of `Bounds.to_json`; ``""`` for the whole source.
    columns : str
        The carried columns of a table, as text of `columns_json`; ``""`` without a table.
    place : str
        File and line of the table that lists the item, for messages; ``""`` without a table.
    """

    id: str
    source: str
    size: int
    mtime_ns: int
    bounds: str = ""
    columns: str = ""
    place: str = ""

    @classmethod
    def from_stat(cls, item_id: str, source: str, status: stat_result | None) -> Item:
        """Create an item from the result of `os.stat`, or from None if that failed."""
        if status is None or not stat.S_ISREG(status.st_mode):
            return cls(item_id, source, NO_FILE_SIZE, 0)
        return cls(item_id, source, status.st_size, status.st_mtime_ns)

    @classmethod
    def of_row(cls, row: SourceFields) -> Item:
        """Create the item as it was when a row was written."""
        return cls(
            row.item_id,
            row.source,
            row.source_size,
            row.source_mtime_ns,
            Bounds.of_fields(row).to_json(),
            "" if row.columns is None else columns_json(row.columns),
        )

    def refreshed(self) -> Item:
        """Return the item with the current size and time of its file."""
        return self._replace(size=NO_FILE_SIZE, mtime_ns=0) if self.is_command else self._with_status()

    def _with_status(self) -> Item:
        try:
            status = os.stat(self.source)
        except (OSError, ValueError):  # ValueError: the name contains a NUL, which only a tampered row has
            status = None
        size, mtime_ns = self.from_stat("", "", status)[2:4]
        return self._replace(size=size, mtime_ns=mtime_ns)

    def part_fields(self) -> dict[str, Any]:
        """Return the fields of a row that describe the part of the source, and the carried columns."""
        import json

        return {"columns": json.loads(self.columns) if self.columns else None, **Bounds.of_json(self.bounds)._asdict()}

    @property
    def shown(self) -> str:
        """The source for messages, with the id of a part of it; not escaped."""
        return f"{self.id} of {self.source}" if self.bounds else self.source

    @property
    def is_command(self) -> bool:
        """Whether the source is a command that writes audio."""
        return '"is_command"' in self.bounds


def columns_json(columns: Columns) -> str:
    """Return carried columns as one line of JSON, as rows contain it."""
    import json  # late: the planning process imports little

    return json.dumps(columns, separators=(",", ":"), allow_nan=False)


class SourceFields(BoundsFields, Protocol):
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

    @property
    def columns(self) -> Columns | None:
        """The carried columns of a table."""


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
