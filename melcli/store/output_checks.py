"""Check stored outputs against their rows: existence, header and, on request, every number.

Nothing in an output is trusted, and a long one is read in pieces, so that memory does not grow with it.
"""

from __future__ import annotations

import errno
import os
import stat
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from typing import Protocol, TypeVar

import numpy as np

from melcli.errors import StorageError
from melcli.opening import regular_nofollow
from melcli.printable import printable
from melcli.store.crc32 import joined_crc32
from melcli.store.damage import Damage, DamageKind
from melcli.store.files import linked_folder
from melcli.store.hdf5 import ShardReader
from melcli.store.npy import npy_header
from melcli.store.rows import OkRow
from melcli.store.stored_array import StoredFeatures, stored_dtype

__all__ = ["check_file", "check_shard", "max_difference", "open_shard"]

Read = TypeVar("Read")

PIECE_BYTES = 8_000_000
# What h5py and NumPy raise for damaged files.
_READ_ERRORS = (OSError, EOFError, ValueError, TypeError, LookupError, AttributeError, RuntimeError, ArithmeticError)
_PROCESS_LIMITS = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)
_KINDS = {stat.S_IFLNK: "a link", stat.S_IFDIR: "a directory"}
MEAN_TOLERANCE = 1e-9  # of the largest number; sums in another order differed by 1e-15


class _DamageFound(Exception):
    """A damage found during a check."""

    def __init__(self, kind: DamageKind, message: str) -> None:
        super().__init__(message)
        self.kind: DamageKind = kind


class _Frames(Protocol):
    """The features of one item, in frames."""

    def read(self, start: int, num_frames: int) -> np.ndarray:
        """Return some frames, in the layout of the item."""


def check_file(out: str, row: OkRow, *, read: bool, time_axis: int | None = None) -> Iterator[Damage]:
    """Check the ``.npy`` file of one row.

    Parameters
    ----------
    out : str
        OUT.
    row : OkRow
        Row of the item.
    read : bool
        Whether to read and check the numbers.
    time_axis : int, optional
        The time axis; None if it may be either.

    Yields
    ------
    Damage
        At most one.
    """
    try:
        with _open_npy(out, row, time_axis) as frames:
            if read:
                _check_numbers(frames, row)
    except _DamageFound as wrong:
        yield _damage(row, wrong.kind, str(wrong))
    except MemoryError:
        yield _damage(row, "unreadable", "reading it takes more memory than is available")


def check_shard(out: str, path: str, rows: Sequence[OkRow], read: Sequence[bool]) -> Iterator[Damage]:
    """Check a shard and its items.

    Parameters
    ----------
    out : str
        OUT.
    path : str
        The shard, relative to OUT.
    rows : sequence of OkRow
        The rows to check, all of this shard.
    read : sequence of bool
        Whether to read and check the numbers of each.

    Yields
    ------
    Damage
        If the shard itself is damaged, one for each row.
    """
    try:
        with closing(_open_shard_reader(out, path, rows)) as shard:
            index = _translated("shard", shard.index)
            config_id = _translated("shard", lambda: shard.attribute("config_id"))
            for row, read_numbers in sorted(zip(rows, read, strict=True), key=lambda pair: pair[0].start or 0):
                try:
                    _check_place(shard, index, config_id, row)
                    if read_numbers:
                        _check_numbers(_ShardFrames(shard, row), row)
                except _DamageFound as wrong:
                    yield _damage(row, wrong.kind, str(wrong))
    except _DamageFound as wrong:
        for row in rows:
            yield _damage(row, wrong.kind, f"{path}: {wrong}")


def open_shard(out: str, path: str, rows: Sequence[OkRow]) -> None:
    """Open a shard and read its lists, to see whether that crashes the process; other damage is not reported."""
    with suppress(_DamageFound), closing(_open_shard_reader(out, path, rows)) as shard:
        _translated("shard", shard.index)


def max_difference(out: str, row: OkRow, stored: StoredFeatures) -> float:
    """Return the maximum difference between stored features and others.

    Parameters
    ----------
    out : str
        OUT.
    row : OkRow
        Row of the stored features.
    stored : StoredFeatures
        The features to compare with.

    Returns
    -------
    difference : float
        Infinite if the shapes differ, or if the stored features cannot be read.
    """
    if (row.num_frames, row.num_features) != (stored.num_frames, stored.shape[1 - stored.time_axis]):
        return float("inf")
    try:
        if row.start is None:
            with _open_npy(out, row, stored.time_axis) as frames:
                return _difference(frames, stored)
        with closing(_open_shard_reader(out, row.path, [row])) as shard:
            return _difference(_ShardFrames(shard, row), stored)
    except _DamageFound:
        return float("inf")


def _difference(frames: _Frames, stored: StoredFeatures) -> float:
    start, largest = 0, 0.0
    for chunk in stored.chunks:
        num_frames = chunk.shape[stored.time_axis]
        found = frames.read(start, num_frames)
        start += num_frames
        if not np.isfinite(found).all():
            return float("inf")
        if chunk.size:
            largest = max(largest, float(np.abs(found.astype(np.float64) - chunk).max()))
    return largest


# a file of its own


class _NpyFrames:
    """An open ``.npy`` file whose header is correct."""

    def __init__(self, descriptor: int, row: OkRow, offset: int, time_axis: int) -> None:
        self._descriptor = descriptor
        self._row = row
        self._offset = offset
        self.time_axis = time_axis

    def pieces(self) -> Iterator[np.ndarray]:
        """Yield all numbers in the order in which they are stored."""
        row, dtype = self._row, stored_dtype(self._row.dtype)
        left = row.num_frames * row.num_features
        at = self._offset
        while left:
            count = min(left, PIECE_BYTES // dtype.itemsize)
            yield self._numbers(at, count)
            left -= count
            at += count * dtype.itemsize

    def read(self, start: int, num_frames: int) -> np.ndarray:
        """Return some frames."""
        total, features = self._row.num_frames, self._row.num_features
        width = stored_dtype(self._row.dtype).itemsize
        if self.time_axis == 0:
            frames = self._numbers(self._offset + start * features * width, num_frames * features)
            return frames.reshape(num_frames, features)
        offsets = (self._offset + (mel * total + start) * width for mel in range(features))
        return np.stack([self._numbers(offset, num_frames) for offset in offsets])

    def _numbers(self, offset: int, count: int) -> np.ndarray:
        dtype = stored_dtype(self._row.dtype)
        try:
            data = os.pread(self._descriptor, count * dtype.itemsize, offset)
        except OSError as error:
            raise _DamageFound("unreadable", f"it cannot be read: {error.strerror}") from error
        if len(data) != count * dtype.itemsize:
            raise _DamageFound("size", "it became shorter while it was read")
        return np.frombuffer(data, dtype)


@contextmanager
def _open_npy(out: str, row: OkRow, time_axis: int | None) -> Iterator[_NpyFrames]:
    path = os.path.join(out, row.path)
    linked = linked_folder(out, row.path)
    if linked is not None:
        raise _DamageFound("not_regular", f"its folder {linked} is a link")
    _check_regular_file(path, row.output_size)
    try:
        descriptor = regular_nofollow(path)
    except OSError as error:
        raise _unreadable(path, error) from error
    try:
        yield _check_header(path, descriptor, row, time_axis)
    finally:
        os.close(descriptor)


def _check_header(path: str, descriptor: int, row: OkRow, time_axis: int | None) -> _NpyFrames:
    """Check the header of an open ``.npy`` file."""
    for axis in (1, 0) if time_axis is None else (time_axis,):
        frames, mels = row.num_frames, row.num_features
        shape = (frames, mels) if axis == 0 else (mels, frames)
        dtype = stored_dtype(row.dtype)
        header = npy_header(dtype, shape)
        size = len(header) + frames * mels * dtype.itemsize
        if row.output_size != size:
            continue
        try:
            found = os.pread(descriptor, len(header), 0)
        except OSError as error:
            raise _unreadable(path, error) from error
        if found == header:
            return _NpyFrames(descriptor, row, len(header), axis)
    raise _DamageFound("header", "its header is not that of the array that its row describes")


# a shard


class _ShardFrames:
    """One item of an open shard."""

    def __init__(self, shard: ShardReader, row: OkRow) -> None:
        self._shard = shard
        self._start = row.start or 0
        self._num_frames = row.num_frames
        self.time_axis = shard.time_axis

    def read(self, start: int, num_frames: int) -> np.ndarray:
        """Return some frames."""
        return _translated("unreadable", lambda: self._shard.read(self._start + start, num_frames))

    def blocks(self, block_frames: int) -> Iterator[np.ndarray]:
        """Yield all frames; all blocks but the first begin with a chunk, so that no chunk is decompressed twice."""
        chunk = self._shard.chunk_frames
        block_frames = max(1, block_frames // chunk) * chunk
        at = 0
        while at < self._num_frames:
            up_to = min(self._num_frames, at + block_frames - (self._start + at) % chunk)
            yield self.read(at, up_to - at)
            at = up_to


def _open_shard_reader(out: str, path: str, rows: Sequence[OkRow]) -> ShardReader:
    whole = os.path.join(out, path)
    sizes = {row.output_size for row in rows}
    if len(sizes) != 1:
        raise _DamageFound("shard", "its rows record different sizes")
    _check_regular_file(whole, sizes.pop() or 0)
    return _translated("shard", lambda: ShardReader(whole))


def _check_place(shard: ShardReader, index: dict[str, tuple[int, int]], config_id: str, row: OkRow) -> None:
    """Compare the shard's entry of an item with its row."""
    found = index.get(row.id)
    if found is None:
        raise _DamageFound("shard", f"{row.path} does not list it")
    if found != (row.start, row.num_frames) or sum(found) > shard.num_frames:
        raise _DamageFound("shard", f"{row.path} has it at other frames than its row")
    if (shard.num_features, shard.dtype) != (row.num_features, stored_dtype(row.dtype)):
        raise _DamageFound("shard", f"{row.path} contains {shard.num_features} features in {shard.dtype}")
    if config_id != row.config_id:
        raise _DamageFound("shard", f"{row.path} was made with config_id {config_id}")


# numbers


class _Tally:
    """Checksum and range of numbers that arrive in pieces."""

    def __init__(self) -> None:
        self.crc32 = 0
        self.count = 0
        self.finite = True
        self.low, self.high, self.total = float("inf"), float("-inf"), 0.0

    def count_in(self, numbers: np.ndarray) -> None:
        """Add numbers to the range."""
        if not numbers.size:
            return
        low, high = float(numbers.min()), float(numbers.max())
        self.finite = self.finite and np.isfinite(low) and np.isfinite(high)
        self.low, self.high = min(self.low, low), max(self.high, high)
        self.count += numbers.size
        if self.finite:
            self.total += float(numbers.sum(dtype=np.float64))


def _check_numbers(frames: _NpyFrames | _ShardFrames, row: OkRow) -> None:
    tally = _tally_file(frames) if isinstance(frames, _NpyFrames) else _tally_shard(frames, row)
    if f"{tally.crc32:08x}" != row.crc32:
        raise _DamageFound("checksum", f"its numbers have CRC-32 {tally.crc32:08x}, not {row.crc32}")
    if not tally.finite:
        raise _DamageFound("nonfinite", "one of its numbers is not finite")
    if (tally.low, tally.high) != (row.min, row.max):
        raise _DamageFound(
            "range", f"its numbers are in {tally.low:g} to {tally.high:g}, not {row.min:g} to {row.max:g}"
        )
    mean = tally.total / max(1, tally.count)
    if not abs(mean - (row.mean)) <= MEAN_TOLERANCE * max(abs(tally.low), abs(tally.high)):
        raise _DamageFound("range", f"the mean of its numbers is {mean:g}, not {row.mean:g}")


def _tally_file(frames: _NpyFrames) -> _Tally:
    tally = _Tally()
    for numbers in frames.pieces():
        tally.crc32 = zlib.crc32(numbers.data, tally.crc32)
        tally.count_in(numbers)
    return tally


def _tally_shard(frames: _ShardFrames, row: OkRow) -> _Tally:
    """Read an item of a shard; the checksum covers the array in C order, which differs from the order of blocks."""
    tally = _Tally()
    mels, num_frames = row.num_features, row.num_frames
    width = stored_dtype(row.dtype).itemsize
    if num_frames * mels * width <= PIECE_BYTES:  # joining checksums takes 1 ms
        features = np.ascontiguousarray(frames.read(0, num_frames))
        tally.crc32 = zlib.crc32(features.data)
        tally.count_in(features)
        return tally
    crcs = [0] * (1 if frames.time_axis == 0 else mels)
    for block in frames.blocks(PIECE_BYTES // (mels * width)):
        parts = [block] if frames.time_axis == 0 else block
        crcs = [zlib.crc32(np.ascontiguousarray(part).data, crc) for crc, part in zip(crcs, parts, strict=True)]
        tally.count_in(block)
    tally.crc32 = crcs[0] if len(crcs) == 1 else joined_crc32(crcs, num_frames * width)
    return tally


# files


def _check_regular_file(path: str, size: int) -> None:
    """Check for a regular file of that size, without opening it or following a link."""
    try:
        status = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        raise _DamageFound("missing", "its output does not exist") from None
    except OSError as error:
        raise _unreadable(path, error) from error
    if not stat.S_ISREG(status.st_mode):
        kind = _KINDS.get(stat.S_IFMT(status.st_mode), "a special file")
        raise _DamageFound("not_regular", f"its output is {kind}")
    if status.st_size != size:
        raise _DamageFound("size", f"its output has {status.st_size} bytes, not {size}")


def _unreadable(path: str, error: OSError) -> _DamageFound | StorageError:
    if error.errno in _PROCESS_LIMITS:  # not caused by the file
        return StorageError(f"cannot read {printable(path)}: {error.strerror}")
    return _DamageFound("unreadable", f"it cannot be read: {error.strerror}")


def _translated(kind: DamageKind, read: Callable[[], Read]) -> Read:
    """Make a call that HDF5 may refuse, and translate its errors into a damage."""
    try:
        return read()
    except MemoryError as error:
        raise _DamageFound("unreadable", "reading it takes more memory than is available") from error
    except _READ_ERRORS as error:
        if isinstance(error, OSError) and error.errno in _PROCESS_LIMITS:
            raise StorageError(f"a shard cannot be read: {error.strerror}") from error
        said = str(error) or type(error).__name__
        raise _DamageFound(kind, f"it cannot be read: {said}") from error


def _damage(row: OkRow, kind: DamageKind, message: str) -> Damage:
    return Damage(kind=kind, path=row.path, message=message, id=row.id, item_id=row.item_id)
