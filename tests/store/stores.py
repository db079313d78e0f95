"""All stores to which the contract applies.  A new store adds an entry to `STORES` and no tests."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from melcli.sources.file_calls import FileCalls
from melcli.store.hdf5 import Hdf5Sink
from melcli.store.manifest import write_manifest
from melcli.store.npy import NpySink
from melcli.store.placement import Placement, StoredFiles
from melcli.store.rows import Row
from melcli.store.spool import Spool
from melcli.store.stored_array import StoredFeatures, as_stored
from tests.store.rows import make_row

__all__ = ["NUM_FEATURES", "STORES", "Store", "in_memory", "stored", "stored_files"]

NUM_FEATURES = 5


def stored_files(out: str, stored_as: str, unmade: Collection[int] = ()) -> StoredFiles:
    """Return what says of rows whether their output is there, asked in this process."""
    return StoredFiles(out, stored_as, partial(FileCalls().begin, "sizes"), unmade)


def in_memory(*chunks: np.ndarray) -> Spool:
    """Return a spool that never moves to a disk."""
    spool = Spool("/dev/null/no folder", max_bytes=2**40)
    spool.extend(chunks)
    return spool


def stored(
    features: np.ndarray, time_axis: int = 1, *, chunk_frames: int | None = None, folder: str | None = None
) -> StoredFeatures:
    """Return features as a worker passes them to a sink.

    Parameters
    ----------
    features : np.ndarray
    time_axis : int
    chunk_frames : int, optional
        Frames per chunk; by default there is one chunk.
    folder : str, optional
        Folder for chunks on a disk.
    """
    num_frames = features.shape[time_axis]
    ends = range(chunk_frames or num_frames, num_frames, chunk_frames or 1)
    spool = in_memory() if folder is None else Spool(folder, max_bytes=0)
    spool.extend(np.split(features, ends, axis=time_axis))
    return as_stored(spool, features.dtype.name, time_axis=time_axis)


@dataclass(frozen=True)
class Store:
    """A way to store features, with the layout of its features.

    Attributes
    ----------
    format : str
        The value of ``output.format``.
    time_axis : int
        The time axis of an item's features.
    open : callable
        Returns a sink for OUT.
    chunk_frames : int or None
        Frames per chunk of features on a disk; None: the features are in memory, in one chunk.
    """

    format: str
    time_axis: int
    open: Callable[[str], Any]
    chunk_frames: int | None = None

    def features(self, num_frames: int, dtype: str = "float32", seed: int = 0) -> np.ndarray:
        """Create features of one item."""
        numbers = np.random.default_rng([seed, num_frames]).normal(-40.0, 20.0, (NUM_FEATURES, num_frames))
        return np.ascontiguousarray(numbers if self.time_axis == 1 else numbers.T, dtype=dtype)

    def write(self, out: str, items: Mapping[str, np.ndarray]) -> dict[str, Row]:
        """Store items as a worker does, and write their manifest; return its rows."""
        os.makedirs(out, exist_ok=True)
        sink = self.open(out)
        try:
            for item_id, features in items.items():
                self.put(sink, item_id, features)
            placed = sink.commit()
        finally:
            sink.discard()
        rows = {item_id: self.row(item_id, items[item_id], where) for item_id, where in placed.items()}
        write_manifest(out, rows.values())
        return rows

    def put(self, sink: Any, item_id: str, features: np.ndarray) -> None:
        """Add an item to a sink."""
        if self.chunk_frames is None:
            sink.put(item_id, stored(features, self.time_axis))
        else:
            folder = tempfile.gettempdir()
            sink.put(item_id, stored(features, self.time_axis, chunk_frames=self.chunk_frames, folder=folder))

    def row(self, item_id: str, features: np.ndarray, placed: Placement) -> Row:
        """Create the row of a stored item."""
        where: dict[str, Any] = {"path": placed.path, "start": placed.start, "output_size": placed.output_size}
        frames, mels = features.shape[self.time_axis], features.shape[1 - self.time_axis]
        return make_row(item_id, num_frames=frames, num_features=mels, dtype=features.dtype.name, **where)


def _npy(time_axis: int, **further: Any) -> Store:
    return Store(format="npy", time_axis=time_axis, open=NpySink, **further)


def _hdf5(time_axis: int, *, max_bytes: int = 64_000_000, **further: Any) -> Store:
    def open_shard(out: str) -> Hdf5Sink:
        attributes = {"config": "{}"}
        return Hdf5Sink(out, "features-00000.h5", time_axis=time_axis, attributes=attributes, max_bytes=max_bytes)

    return Store(format="hdf5", time_axis=time_axis, open=open_shard, **further)


STORES = {
    "npy": _npy(1),
    "npy-from-a-disk": _npy(1, chunk_frames=30),
    "npy-time-first-from-a-disk": _npy(0, chunk_frames=30),
    "hdf5": _hdf5(1),
    "hdf5-time-first": _hdf5(0),
    "hdf5-on-a-disk": _hdf5(1, max_bytes=0, chunk_frames=30),
    "hdf5-time-first-on-a-disk": _hdf5(0, max_bytes=0, chunk_frames=30),
}
