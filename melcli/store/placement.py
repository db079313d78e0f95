"""Where a sink stored the features of an item, and whether they still exist."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from itertools import compress

from melcli.byte_order import byte_order, text_of
from melcli.store.entries import Entry
from melcli.store.layout import npy_name, shard_number

__all__ = ["Placement", "StoredFiles"]

BeginSizes = Callable[[tuple[str, bytes]], Callable[[], Sequence[int]]]
NPY = byte_order(npy_name(""))
NUL = b"\0"  # no file name contains it


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """File relative to OUT, its size in bytes, and the first frame in it (None if the file contains one item)."""

    path: str
    output_size: int
    start: int | None = None


class StoredFiles:
    """Checks whether the outputs of rows exist; the size of each shard is read once.

    Parameters
    ----------
    out : str
        OUT.
    format : str
        ``npy`` or ``hdf5``; the output of a row in the other format counts as missing.
    begin_sizes : callable
        Requests the sizes of files in a folder, whose names are joined by NUL, and returns a function that waits for
        them; -1 for a missing file.
    unmade : collection of int
        Numbers of shards that have to be rebuilt; the output of a row in one of them counts as missing.
    """

    def __init__(self, out: str, format: str, begin_sizes: BeginSizes, unmade: Collection[int] = ()) -> None:
        self._folder = os.path.join(out, "")
        self._format = format
        self._begin_sizes = begin_sizes
        self._unmade = unmade
        self._shard_sizes: dict[str, int] = {}
        self._sizes: dict[bytes, int] = {}  # of the files of the last request

    def has_output(self, row: Entry) -> bool:
        """Return whether the row's file has the right format and its recorded size."""
        if row.path is None or row.output_size is None or row.output_size < 0:
            return False
        if self._format == "npy":
            return row.path == npy_name(row.id) and self._size(row.path) == row.output_size
        return self._shard_size(row.path) == row.output_size

    def begin_sizes(self, ids: Sequence[bytes], paths: Sequence[bytes]) -> Callable[[], Sequence[int]]:
        """Request the sizes of the files of many rows; return a function that waits for them.

        A size is -1 if there is no file, or if the path is not that of the row.  `has_output` uses the received sizes.
        """
        if self._format != "npy":
            return lambda: [self._shard_size(text_of(path)) for path in paths]
        are_own = [path == row_id + NPY and NUL not in path for row_id, path in zip(ids, paths, strict=True)]
        own = list(compress(paths, are_own))
        wait = self._begin_sizes((self._folder, NUL.join(own))) if own else list

        def sizes() -> Sequence[int]:
            found = wait()
            self._sizes = dict(zip(own, found, strict=True))
            rest = iter(found)
            return found if len(own) == len(paths) else [next(rest) if is_own else -1 for is_own in are_own]

        return sizes

    def _shard_size(self, path: str) -> int:
        number = shard_number(path)
        if number is None or number in self._unmade:
            return -1
        if path not in self._shard_sizes:
            self._shard_sizes[path] = self._size(path)
        return self._shard_sizes[path]

    def _size(self, path: str) -> int:
        name = byte_order(path)
        if name in self._sizes:
            return self._sizes[name]
        try:  # in this process: to ask another one for each file takes ten times as long
            return os.stat(self._folder + path).st_size
        except (OSError, ValueError):  # ValueError: a NUL, which no path of melcli has
            return -1
