"""Where a sink stored the features of an item, and whether they still exist."""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass

from melcli.store.entries import Entry
from melcli.store.layout import npy_name, shard_number

__all__ = ["Placement", "StoredFiles"]


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
    unmade : collection of int
        Numbers of shards that have to be rebuilt; the output of a row in one of them counts as missing.
    """

    def __init__(self, out: str, format: str, unmade: Collection[int] = ()) -> None:
        self._folder = os.path.join(out, "")
        self._format = format
        self._unmade = unmade
        self._shard_sizes: dict[str, int] = {}

    def has_output(self, row: Entry) -> bool:
        """Return whether the row's file has the right format and its recorded size."""
        return row.path is not None and row.output_size is not None and self.has(row.id, row.path, row.output_size)

    def has(self, row_id: str, path: str, output_size: int) -> bool:
        """Like `has_output`, for a row's id, path and size."""
        if self._format == "npy":
            return path == npy_name(row_id) and self._size(path) == output_size
        number = shard_number(path)
        if number is None or number in self._unmade:
            return False
        if path not in self._shard_sizes:
            self._shard_sizes[path] = self._size(path)
        return self._shard_sizes[path] == output_size

    def _size(self, path: str) -> int:
        try:
            return os.stat(self._folder + path).st_size
        except (OSError, ValueError):  # ValueError: a NUL, which only a tampered row has
            return -1
