"""Positions of rows in a file, for sorting and copying them without keeping them in memory.

The positions are in a scratch database, so that memory does not grow with their number.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import BinaryIO, NamedTuple, Protocol

from melcli.byte_order import byte_order
from melcli.errors import StorageError
from melcli.printable import printable
from melcli.scratch import Lookup, Scratch
from melcli.store.kept_file import KeptFile

__all__ = ["UTF8", "Line", "Lines", "item_of", "part_id", "part_number"]

UTF8 = ("utf-8", "surrogatepass")  # like `json.loads` for bytes
LINES_PER_INSERT = 512
MAX_CHANNELS = 1 << 31
_PART = re.compile(rb"(?:\.(\d{5,}))?(?:\.ch(\d+))?")


class RowPlace(Protocol):
    """The fields of a row that determine its position in a manifest."""

    @property
    def id(self) -> str:
        """Id of the row."""

    @property
    def item_id(self) -> str:
        """Id of its item."""

    @property
    def channel(self) -> int | None:
        """Number of the channel, if each channel has a row."""

    @property
    def chunk(self) -> int | None:
        """Number of the chunk, if each chunk has a row."""

    @property
    def status(self) -> str:
        """``ok`` or ``failed``."""


class Line(NamedTuple):
    """A row as text, with the fields that determine its position in a manifest.

    Attributes
    ----------
    id, item_id : bytes
        Ids of the row and of its item, from `byte_order`.
    failed : bool
        Whether it is a failed row.
    text : bytes
        The JSON of the row.
    """

    id: bytes
    item_id: bytes
    failed: bool
    text: bytes


class Lines:
    """The positions of the rows of a file, by number, in the file's order.

    Parameters
    ----------
    scratch : Scratch
        Database for the positions.
    """

    def __init__(self, scratch: Scratch) -> None:
        self.scratch = scratch
        self._name = ""
        self._file: KeptFile | None = None
        self._table = scratch.table(
            "lines",
            "(number INTEGER PRIMARY KEY, id BLOB, item_id BLOB, first INTEGER, failed INTEGER, start INTEGER, "
            "size INTEGER)",
        )
        self._newest = ""  # a table: the number of the first row of each item's last result
        self._waiting: list[tuple[int, bytes, bytes, int, bool, int, int]] = []
        self._count = 0
        self._first, self._before, self._part_before = 0, b"", -1

    def __len__(self) -> int:
        return self._count

    def open(self, file: BinaryIO) -> None:
        """Keep a file open for reading rows, even if it is replaced or removed."""
        self.close()
        self._name = file.name
        self._file = KeptFile.of(file)

    def close(self) -> None:
        """Close the file now, not when this object is deleted; no row can be read afterwards."""
        if self._file is not None:
            self._file.close()

    def add(self, row: RowPlace, start: int, size: int) -> None:
        """Record that a row has ``size`` bytes from the byte ``start`` on."""
        number = part_number(row.channel, row.chunk)
        key = byte_order(row.id)
        item_key = key if number < 0 else byte_order(row.item_id)
        self._add(key, item_key, number, row.status == "failed", start, size)

    def add_line(self, line: Line, start: int, size: int) -> None:
        """Record the position of a row that is given as a line."""
        part = -1 if line.id == line.item_id else _part_number_of(line.id, line.item_id)
        self._add(line.id, line.item_id, part, line.failed, start, size)

    def _add(self, key: bytes, item_key: bytes, part: int, failed: bool, start: int, size: int) -> None:
        number = self._count
        # Only the last result of an item counts; the parts of one result follow one another, in order.
        if item_key != self._before or not -1 < self._part_before < part:
            self._first = number
        self._before, self._part_before = item_key, part
        self._waiting.append((number, key, item_key, self._first, failed, start, size))
        self._count += 1
        self._newest = ""
        if len(self._waiting) == LINES_PER_INSERT:
            self._flush()

    def text(self, number: int) -> bytes:
        """Read one row's JSON."""
        self._flush()
        return self._read(*self.scratch.one(f"SELECT start, size FROM {self._table} WHERE number = ?", (number,)))

    def lookup(self) -> Lookup:
        """Return a lookup of whether an item has a row, by the bytes of its id."""
        select = f"SELECT item_id FROM {self._index_newest()}"
        return Lookup(self.scratch, f"{select} ORDER BY item_id", f"{select} WHERE item_id = ?")

    def texts(self) -> Iterator[bytes]:
        """Yield the JSON of the rows of each item's last result, in the file's order."""
        for start, size in self.scratch.rows(f"SELECT start, size FROM {self._rows(newest=True)} ORDER BY number"):
            yield self._read(start, size)

    def numbers(self, *, newest: bool = False) -> Iterator[tuple[int, bytes]]:
        """Yield number and item of each row, or of the rows of each item's last result, in the file's order."""
        return self.scratch.rows(f"SELECT number, lines.item_id FROM {self._rows(newest)} ORDER BY number")

    def in_order(self, *, newest: bool = False, skip: Collection[int] = ()) -> Iterator[Line]:
        """Yield rows in the order of a manifest: by id, then by item, in case a file is named like a channel."""
        columns = "number, id, lines.item_id, failed, start, size"
        rows = self.scratch.rows(f"SELECT {columns} FROM {self._rows(newest)} ORDER BY id, lines.item_id, number")
        for number, row_id, item_id, failed, start, size in rows:
            if number not in skip:
                yield Line(row_id, item_id, bool(failed), self._read(start, size))

    def duplicates(self) -> Iterator[tuple[int, bytes, bytes]]:
        """Yield number, id and item of the rows with the same id and item as another row, in the file's order."""
        keys = f"SELECT id, item_id FROM {self._rows(newest=False)} GROUP BY id, item_id HAVING count(*) > 1"
        return self.scratch.rows(
            f"SELECT number, id, item_id FROM {self._table} WHERE (id, item_id) IN ({keys}) ORDER BY number"
        )

    def _rows(self, newest: bool) -> str:
        self._flush()
        if not newest:
            return f"{self._table} AS lines"
        return f"{self._table} AS lines JOIN {self._index_newest()} AS newest USING (item_id, first)"

    def _index_newest(self) -> str:
        self._flush()
        if not self._newest:
            columns = "(item_id BLOB PRIMARY KEY, first INTEGER) WITHOUT ROWID"
            self._newest = self.scratch.table("newest", columns)
            self.scratch.execute(
                f"INSERT INTO {self._newest} SELECT item_id, max(first) FROM {self._table} GROUP BY item_id"
            )
        return self._newest

    def _flush(self) -> None:
        if self._waiting:
            self.scratch.insert(f"INSERT INTO {self._table} VALUES (?, ?, ?, ?, ?, ?, ?)", self._waiting)
            self._waiting.clear()

    def _read(self, start: int, size: int) -> bytes:
        if self._file is None:
            raise ValueError("no file was opened to read rows from")
        try:
            return self._file.read_at(start, size)
        except OSError as error:
            raise StorageError(
                f"cannot read {printable(self._name)}: {error.strerror}", hint="check the disk"
            ) from error


def part_id(item_id: str, channel: int | None, chunk: int | None) -> str:
    """Return the id of an output: that of its item, with the number of its chunk and of its channel."""
    if chunk is not None:
        item_id = f"{item_id}.{chunk:05d}"
    return item_id if channel is None else f"{item_id}.ch{channel}"


def item_of(row_id: str, channel: int | None, chunk: int | None = None) -> str:
    """Return the id of the item of a row: the row's id without the numbers of chunk and channel."""
    return row_id.removesuffix(part_id("", channel, chunk)) if channel is not None or chunk is not None else row_id


def part_number(channel: int | None, chunk: int | None) -> int:
    """Return a number that orders the outputs of an item; -1 for the only one."""
    if chunk is None:
        return -1 if channel is None else channel
    return chunk * MAX_CHANNELS + (channel or 0)


def _part_number_of(row_id: bytes, item_id: bytes) -> int:
    """Return `part_number` for the ids of a row and of its item."""
    found = _PART.fullmatch(row_id, len(item_id))
    if found is None:
        return -1
    chunk, channel = (None if digits is None else int(digits) for digits in found.groups())
    return part_number(channel, chunk)
