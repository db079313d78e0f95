"""Chunks of the features of one item: first in memory, then in an unnamed file if they are large.

The memory of a worker does not grow with the length of a file.  Chunks are read and written with plain calls instead of
a memory map: with a full disk, a map ends the process with SIGBUS, and its pages count as memory of the process.
"""

from __future__ import annotations

import contextlib
import math
import os
import weakref
from collections.abc import Iterable, Iterator, MutableSequence
from dataclasses import dataclass
from typing import SupportsIndex, overload

import numpy as np

from melcli.store.files import close_quietly
from melcli.store.leftovers import temporary_name
from melcli.store.storage_errors import storage_errors

__all__ = ["MAX_BYTES_IN_MEMORY", "Spool"]

MAX_BYTES_IN_MEMORY = 16_000_000


@dataclass(frozen=True, slots=True)
class _Place:
    """Position of a chunk in the file."""

    offset: int
    shape: tuple[int, ...]
    dtype: np.dtype

    @property
    def num_bytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize


class Spool(MutableSequence[np.ndarray]):
    """A list of arrays that moves to a file when it grows large; the file disappears with the list.

    Parameters
    ----------
    folder : str
        Folder for the file; created if necessary.
    max_bytes : int
        Maximum size of all arrays in memory.
    """

    def __init__(self, folder: str, *, max_bytes: int = MAX_BYTES_IN_MEMORY) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._chunks: list[np.ndarray | _Place] = []
        self._descriptor: int | None = None
        self._end = 0  # size of the file, bytes

    @property
    def in_memory(self) -> bool:
        """Whether there is no file."""
        return self._descriptor is None

    def __len__(self) -> int:
        return len(self._chunks)

    def __iter__(self) -> Iterator[np.ndarray]:
        for number in range(len(self)):
            yield self[number]

    @overload
    def __getitem__(self, number: SupportsIndex) -> np.ndarray: ...
    @overload
    def __getitem__(self, number: slice) -> list[np.ndarray]: ...
    def __getitem__(self, number: SupportsIndex | slice) -> np.ndarray | list[np.ndarray]:
        """Return a chunk; if it is in the file, it is a copy, and changes are stored only by assignment."""
        if isinstance(number, slice):
            return [self[each] for each in range(*number.indices(len(self)))]
        chunk = self._chunks[number]
        return self._read(chunk, 0, chunk.shape) if isinstance(chunk, _Place) else chunk

    def row(self, number: int, row: int) -> np.ndarray:
        """Return one row of a chunk ``(rows, frames)``."""
        chunk = self._chunks[number]
        if not isinstance(chunk, _Place):
            held: np.ndarray = chunk[row]
            return held
        return self._read(chunk, row * chunk.shape[1] * chunk.dtype.itemsize, chunk.shape[1:])

    @overload
    def __setitem__(self, number: SupportsIndex, chunk: np.ndarray) -> None: ...
    @overload
    def __setitem__(self, number: slice, chunk: Iterable[np.ndarray]) -> None: ...
    def __setitem__(self, number: SupportsIndex | slice, chunk: np.ndarray | Iterable[np.ndarray]) -> None:
        if isinstance(number, slice) or not isinstance(chunk, np.ndarray):
            raise TypeError("one chunk at a time")
        self._chunks[number] = self._kept(chunk, self._chunks[number])
        self._move_if_large()

    def __delitem__(self, number: SupportsIndex | slice) -> None:
        del self._chunks[number]

    def insert(self, number: SupportsIndex, chunk: np.ndarray) -> None:
        """Insert a chunk before another one."""
        self._chunks.insert(number, self._kept(chunk, None))
        self._move_if_large()

    def _kept(self, chunk: np.ndarray, before: np.ndarray | _Place | None) -> np.ndarray | _Place:
        return chunk if self.in_memory else self._write(chunk, before if isinstance(before, _Place) else None)

    def _move_if_large(self) -> None:
        if not self.in_memory:
            return
        held = [chunk for chunk in self._chunks if isinstance(chunk, np.ndarray)]
        if sum(chunk.nbytes for chunk in held) <= self._max_bytes:
            return
        with storage_errors(self._folder):
            self._open()
        self._chunks = [self._write(chunk, None) for chunk in held]

    def _open(self) -> None:
        with contextlib.suppress(FileExistsError):
            os.mkdir(self._folder)  # without parents, so that an OUT that was removed is not recreated
        path = os.path.join(self._folder, temporary_name())
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with contextlib.ExitStack() as opened:
            opened.callback(weakref.finalize(self, close_quietly, descriptor))
            os.unlink(path)  # so that nothing is left after a kill
            opened.pop_all()
        self._descriptor = descriptor

    def _write(self, chunk: np.ndarray, before: _Place | None) -> _Place:
        """Write a chunk over the one that it replaces, or at the end of the file if it is larger."""
        fits = before is not None and chunk.nbytes <= before.num_bytes
        place = _Place(before.offset if before is not None and fits else self._end, chunk.shape, chunk.dtype)
        written = 0
        with storage_errors(self._folder), np.ascontiguousarray(chunk).data as given, given.cast("B") as data:
            while written < len(data):
                with data[written:] as rest:
                    written += os.pwrite(self._descriptor or 0, rest, place.offset + written)
        self._end = max(self._end, place.offset + written)
        return place

    def _read(self, place: _Place, skip: int, shape: tuple[int, ...]) -> np.ndarray:
        array = np.empty(shape, place.dtype)
        taken = 0
        with storage_errors(self._folder), array.data as given, given.cast("B") as data:
            while taken < len(data):
                with data[taken:] as rest:
                    num_read = os.preadv(self._descriptor or 0, [rest], place.offset + skip + taken)
                if not num_read:
                    raise OSError("a temporary file is shorter than the data written to it")
                taken += num_read
        return array
