"""Keep the files of arrays open that this process used last, for the next array."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

import numpy as np

from melcli.store.foreign_arrays import ArrayFile, open_arrays
from melcli.store.reader import Features, open_features

__all__ = ["names_in", "read_from", "read_from_out"]

MAX_OPEN = 2  # one for each set in a comparison
Opened = TypeVar("Opened", ArrayFile, Features)
_FileKey = tuple[str, int, int, int]


class _LastOpen(Generic[Opened]):
    """Keeps some files open, for as long as the same file is at its path."""

    def __init__(self, opening: Callable[[str], Opened]) -> None:
        self._opening: Callable[[str], Opened] = opening
        self._open: OrderedDict[_FileKey, Opened] = OrderedDict()

    def at(self, path: str) -> Opened:
        key = _file_key(path)
        if key is None or key not in self._open:
            while len(self._open) >= MAX_OPEN:
                self._open.popitem(last=False)[1].close()
            opened = self._opening(path)
            if key is None:  # it appeared after the check
                return opened
            self._open[key] = opened
        self._open.move_to_end(key)
        return self._open[key]


_file: _LastOpen[ArrayFile] = _LastOpen(open_arrays)
_out: _LastOpen[Features] = _LastOpen(open_features)


def names_in(path: str) -> list[str]:
    """Return the names of the arrays in a file; `StorageError` if it cannot be read."""
    return list(_file.at(path).names)


def read_from(path: str, name: str) -> np.ndarray:
    """Return an array of a file; `StorageError` if it cannot be read."""
    return _file.at(path).read(name)


def read_from_out(out: str, item_id: str) -> np.ndarray:
    """Return an item of an OUT; `StorageError` if it cannot be read."""
    return _out.at(out)[item_id]


def _file_key(path: str) -> _FileKey | None:
    """Return a key that differs for another file at the same path; None if there is no file."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return path, status.st_dev, status.st_ino, status.st_mtime_ns
