"""Index the positions of rows in a manifest, with about 60 bytes per row.

A row is read on access.
"""

from __future__ import annotations

import os
import re
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from itertools import accumulate, compress, islice, pairwise
from operator import lt
from typing import Any, BinaryIO

from melcli.byte_order import byte_order, text_of
from melcli.errors import StorageError
from melcli.opening import regular_only
from melcli.printable import printable
from melcli.store.entries import STRING, ending_pattern, entry_of, escaped, unescaped
from melcli.store.kept_file import KeptFile
from melcli.store.manifest import not_a_row, read_pieces
from melcli.store.rows import ROW_ERRORS, OkRow, read_row
from melcli.store.storage_errors import storage_errors

__all__ = ["RowIndex", "read_index"]

# Matches the fields that are needed, and that the line ends like a row.  The rest is checked when the row is read:
# `line_pattern` would take 5 s for a million rows.
_find_rows = re.compile(
    rf'(?m)^\{{"id":"({STRING})","source":"{STRING}","status":"(ok|failed)",.*,"config_id":"({STRING})"'
    rf"{ending_pattern()}\}}$".encode()
).findall


class RowIndex(Mapping[str, OkRow]):
    """A mapping from id to row for all ok rows, sorted by the bytes of the ids.

    It can be pickled; unpickling opens the manifest again.

    Attributes
    ----------
    config_ids : list of str
        Unique config ids of all rows.
    doubled : frozenset of str
        Ids of more than one row; the last one is returned.
    """

    def __init__(self) -> None:
        self.config_ids: list[str] = []
        self.doubled: frozenset[str] = frozenset()
        self._path = ""
        self._file: KeptFile | None = None
        self._identity: tuple[int, ...] = ()
        self._ids = bytearray()  # joined
        self._ends = array("Q")  # end of each id in them
        self._starts = array("Q")  # positions of the rows in the manifest
        self._sizes = array("I")
        self._configs = array("I")  # indices into `config_ids`
        self._places: dict[str, int] = {}
        self._is_sorted, self._last = True, b""

    def add(
        self, ids: Sequence[bytes], config_ids: Sequence[bytes], starts: Sequence[int], sizes: Sequence[int]
    ) -> None:
        """Add the positions of many rows at once, which takes a tenth of the time.

        Parameters
        ----------
        ids, starts, sizes : sequence
            Ids, offsets and sizes of the rows.
        config_ids : sequence of bytes
            Their config ids, as JSON without the quotes.
        """
        if not ids:
            return
        self._is_sorted = self._is_sorted and self._last < ids[0] and all(map(lt, ids, ids[1:]))
        self._last = ids[-1]
        self._ends.extend(islice(accumulate(map(len, ids), initial=len(self._ids)), 1, None))
        self._ids += b"".join(ids)
        self._starts.extend(starts)
        self._sizes.extend(sizes)
        places = {text: self._place(text_of(_key(text))) for text in dict.fromkeys(config_ids)}
        self._configs.extend(map(places.__getitem__, config_ids))

    def _place(self, config_id: str) -> int:
        """Return the index of a config in `config_ids`."""
        if config_id not in self._places:
            self._places[config_id] = len(self.config_ids)
            self.config_ids.append(config_id)
        return self._places[config_id]

    def open(self, file: BinaryIO) -> None:
        """Keep the manifest open, even if it is replaced or removed."""
        self._path = os.path.abspath(file.name)
        self._file = KeptFile.of(file)
        self._identity = self._identify(self._file)

    def finish(self) -> None:
        """Sort the rows and find duplicate ids, after all rows were added."""
        if self._is_sorted:
            return
        order = sorted(range(len(self)), key=self._id)
        doubled = {number for number, after in pairwise(order) if self._id(number) == self._id(after)}
        self.doubled = frozenset(text_of(self._id(number)) for number in doubled)
        self._take([number for number in order if number not in doubled])

    def keep_config(self, config_id: str | None) -> None:
        """Keep only the rows of one config."""
        if self.config_ids != [config_id]:
            wanted = self._places.get(config_id or "", -1)
            self._take([number for number, config in enumerate(self._configs) if config == wanted])

    def _take(self, numbers: Sequence[int]) -> None:
        ids = [self._id(number) for number in numbers]
        self._ids = bytearray().join(ids)
        self._ends = array("Q")
        for each in ids:
            self._ends.append(len(each) + (self._ends[-1] if self._ends else 0))
        for name in ("_starts", "_sizes", "_configs"):
            values = getattr(self, name)
            setattr(self, name, array(values.typecode, [values[number] for number in numbers]))

    def __getitem__(self, row_id: str) -> OkRow:
        number = self._number(row_id)
        if number is None:
            raise KeyError(row_id)
        file = self._file or self._open_again()
        with storage_errors(self._path, "read"):
            text = file.read_at(self._starts[number], self._sizes[number])
        try:
            row = read_row(text)
            if row.id != row_id or not isinstance(row, OkRow):
                raise ValueError(f"it is the row of {row.id!r}, {row.status}")
        except ROW_ERRORS as error:
            raise StorageError(f"{printable(self._path)}: the row of {row_id!r} is damaged: {error}") from error
        return row

    def __iter__(self) -> Iterator[str]:
        return (text_of(self._id(number)) for number in range(len(self)))

    def __len__(self) -> int:
        return len(self._ends)

    def __contains__(self, row_id: object) -> bool:
        return isinstance(row_id, str) and self._number(row_id) is not None  # does not read the row

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_file": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._open_again()

    def _open_again(self) -> KeptFile:
        with storage_errors(self._path, "read"):
            file = KeptFile(regular_only(self._path, os.O_RDONLY | os.O_CLOEXEC))
        if self._identify(file) != self._identity:
            file.close()
            raise StorageError(
                f"{printable(self._path)} was replaced since it was opened", hint="open the features again"
            )
        self._file = file
        return file

    def close(self) -> None:
        """Close the manifest; it is opened again when a row is read."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _identify(self, file: KeptFile) -> tuple[int, ...]:
        with storage_errors(self._path, "read"):
            status = file.status()
        return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns

    def _id(self, number: int) -> bytes:
        return bytes(self._ids[self._ends[number - 1] if number else 0 : self._ends[number]])

    def _number(self, row_id: str) -> int | None:
        key = byte_order(row_id)
        number = bisect_left(range(len(self)), key, key=self._id)
        return number if number < len(self) and self._id(number) == key else None


def read_index(out: str) -> RowIndex:
    """Index the ok rows of OUT; if the manifest is a link, it is followed.

    Damage inside a line that begins and ends like a row is found when that row is read.

    Raises
    ------
    StorageError
        A line is not a row (the message has its number), or the manifest cannot be read.
    """
    index = RowIndex()
    start = 0
    with ExitStack() as failing:
        failing.callback(index.close)
        for first, lines in read_pieces(out, regular_only, index.open):
            start = _add_lines(index, out, first, lines, start)
        failing.pop_all()
    index.finish()
    return index


def _add_lines(index: RowIndex, out: str, first: int, lines: Sequence[bytes], start: int) -> int:
    """Add lines that begin at byte ``start``; return the offset of their end."""
    sizes = list(map(len, lines))
    *starts, end = accumulate(sizes, initial=start)
    found = _find_rows(b"".join(lines))
    if len(found) != len(lines):  # one of them is not exactly as melcli writes it
        found = [_checked(out, number, line) for number, line in enumerate(lines, first)]
    is_ok = [status == b"ok" for _, status, _ in found]
    ids = [_key(row_id) if b"\\" in row_id else row_id for row_id, _, _ in compress(found, is_ok)]
    index.add(
        ids,
        [config_id for _, _, config_id in compress(found, is_ok)],
        list(compress(starts, is_ok)),
        list(compress(sizes, is_ok)),
    )
    return end


def _key(text: bytes) -> bytes:
    return byte_order(unescaped(text.decode()))


def _checked(out: str, number: int, line: bytes) -> tuple[bytes, bytes, bytes]:
    """Return the fields of a line in any other form."""
    try:
        entry = entry_of(line.removesuffix(b"\n"))
    except ROW_ERRORS as error:
        raise not_a_row(out, number, error) from error
    return escaped(entry.id).encode(), entry.status.encode(), escaped(entry.config_id).encode()
