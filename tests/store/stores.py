"""Every store that the contract holds for.  A new one adds an entry to `STORES` and no tests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from melcli.store.hdf5 import Hdf5Sink
from melcli.store.manifest import Row, write_manifest
from melcli.store.npy import NpySink
from melcli.store.placement import Placement
from tests.store.rows import make_row

__all__ = ["NUM_FEATURES", "STORES", "Store"]

NUM_FEATURES = 5


@dataclass(frozen=True)
class Store:
    """A way to store features, and the layout of the features it is given.

    Attributes
    ----------
    format : str
        As ``output.format`` names it.
    time_axis : int
        Axis of an item's features that is time.
    open : callable
        From OUT to a sink.
    """

    format: str
    time_axis: int
    open: Callable[[str], Any]

    def features(self, num_frames: int, dtype: str = "float32", seed: int = 0) -> np.ndarray:
        """Make up features of one item."""
        numbers = np.random.default_rng([seed, num_frames]).normal(-40.0, 20.0, (NUM_FEATURES, num_frames))
        return np.ascontiguousarray(numbers if self.time_axis == 1 else numbers.T, dtype=dtype)

    def write(self, out: str, items: Mapping[str, np.ndarray]) -> dict[str, Row]:
        """Store items as a worker does, and the manifest that tells of them; return its rows."""
        sink = self.open(out)
        try:
            for item_id, features in items.items():
                sink.put(item_id, features)
            placed = sink.commit()
        finally:
            sink.discard()
        rows = {item_id: self.row(item_id, items[item_id], where) for item_id, where in placed.items()}
        write_manifest(out, rows.values())
        return rows

    def row(self, item_id: str, features: np.ndarray, placed: Placement) -> Row:
        """Make the row of an item that was stored."""
        where = {"path": placed.path, "start": placed.start, "output_size": placed.output_size}
        frames, mels = features.shape[self.time_axis], features.shape[1 - self.time_axis]
        return make_row(item_id, num_frames=frames, num_features=mels, dtype=features.dtype.name, **where)


def _hdf5(time_axis: int) -> Store:
    return Store(
        format="hdf5",
        time_axis=time_axis,
        open=lambda out: Hdf5Sink(out, "features-00000.h5", time_axis=time_axis, attributes={"config": "{}"}),
    )


STORES = {"npy": Store(format="npy", time_axis=1, open=NpySink), "hdf5": _hdf5(1), "hdf5-time-first": _hdf5(0)}
