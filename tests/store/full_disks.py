"""Build shards on a disk that fills up after some bytes: `python -m tests.store.full_disks OUT WAY`.

It is a separate process, since the test is that HDF5 does not end it.  It prints the size of the shard, and the result
for each number of bytes.
"""

from __future__ import annotations

import errno
import io
import json
import os
import resource
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from melcli.errors import StorageError
from melcli.store import hdf5
from tests.store.rows import names_below
from tests.store.stores import stored

__all__ = ["WAYS", "Refusing"]

STEPS = 14


@contextmanager
def limited_files(max_bytes: int) -> Iterator[None]:
    """Limit the size of files by the system; the part of a write that fits is written."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (max_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@contextmanager
def full_after(max_bytes: int) -> Iterator[None]:
    """Make writes fail after ``max_bytes``, but succeed when they overwrite existing data."""

    class Full(io.FileIO):
        def write(self, data: Any, /) -> int:
            room = max_bytes - self.tell()
            if room <= 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return super().write(memoryview(data)[:room])

        def truncate(self, size: int | None = None, /) -> int:
            if (size or 0) > max_bytes:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return super().truncate(size)

    with _beneath(Full):
        yield


@contextmanager
def broken_after(max_bytes: int) -> Iterator[None]:
    """Make every write fail after ``max_bytes``, like a disk that is removed."""

    class Broken(io.FileIO):
        left = max_bytes

        def write(self, data: Any, /) -> int:
            self.left -= len(data)
            if self.left < 0:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            return super().write(data)

        def readinto(self, buffer: Any, /) -> int:
            if self.left < 0:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            return super().readinto(buffer)

    with _beneath(Broken):
        yield


@contextmanager
def unreadable_after(most_reads: int) -> Iterator[None]:
    """Make reads fail after ``most_reads``; HDF5 2.0 reads back once."""

    class Unreadable(io.FileIO):
        left = most_reads

        def readinto(self, buffer: Any, /) -> int:
            self.left -= 1
            if self.left < 0:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            return super().readinto(buffer)

    with _beneath(Unreadable):
        yield


@contextmanager
def never_cut_after(max_bytes: int) -> Iterator[None]:
    """Make truncating a file to more than ``max_bytes`` fail."""

    class Uncut(io.FileIO):
        def truncate(self, size: int | None = None, /) -> int:
            if (size or 0) > max_bytes:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return super().truncate(size)

    with _beneath(Uncut):
        yield


class Refusing(io.FileIO):
    """Refuses every operation, and records which."""

    def write(self, data: Any, /) -> int:
        raise OSError(errno.EIO, "write")

    def readinto(self, buffer: Any, /) -> int:
        raise OSError(errno.EIO, "read")

    def truncate(self, size: int | None = None, /) -> int:
        raise OSError(errno.EIO, "truncate")


@contextmanager
def _beneath(file: type[io.FileIO]) -> Iterator[None]:
    """Replace the base class of the file that defers errors."""
    right = hdf5._DeferringFile
    hdf5._DeferringFile = type("Deferring", (right, file), {})  # type: ignore[misc, assignment]
    try:
        yield
    finally:
        hdf5._DeferringFile = right  # type: ignore[misc]


WAYS: dict[str, Callable[[int], Any]] = {
    "limited_files": limited_files,
    "full_after": full_after,
    "broken_after": broken_after,
    "unreadable_after": unreadable_after,
    "never_cut_after": never_cut_after,
}


def write_shard(out: str) -> int:
    """Write items larger than HDF5's cache (8 MiB in HDF5 2.0), in blocks that end inside its chunks."""
    sink = hdf5.Hdf5Sink(out, "features-00000.h5", time_axis=1, attributes={"config": "{}"}, max_bytes=0)
    try:
        for number in range(8):
            features = np.full((80, 4000), -100.0, np.float32)  # silence compresses fast
            features[:, ::20] = np.random.default_rng(number).normal(-40.0, 20.0, (80, 200))
            sink.put(f"i{number}", stored(features, chunk_frames=500))
        return sink.commit()["i0"].output_size
    finally:
        sink.discard()


def outcome(out: str, way: Callable[[int], Any], max_bytes: int) -> str:
    """Write a shard on such a disk and return the result."""
    try:
        with way(max_bytes):
            write_shard(out)
    except StorageError as error:
        return f"StorageError, {len(names_below(out))} left: {error}"
    return "written"


def main(out: str, way: str) -> None:
    hdf5.BLOCK_BYTES = 1_000_000
    size = write_shard(out)
    os.unlink(f"{out}/features-00000.h5")
    limits = [0] if way == "unreadable_after" else [*range(0, size, size // STEPS), size // 3 + 1, size - 1]
    outcomes = {limit: outcome(out, WAYS[way], limit) for limit in [*limits, 10 * size]}
    print(json.dumps({"size": size, "outcomes": outcomes}))


if __name__ == "__main__":
    main(*sys.argv[1:])
