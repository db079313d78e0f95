"""Reading features back: one mapping from id to array, whatever they are stored as."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from melcli.errors import StorageError
from melcli.printable import printable
from melcli.store.hdf5 import ShardReader
from melcli.store.layout import MANIFEST_FILE
from melcli.store.manifest import Row, has_manifest, read_manifest
from melcli.store.npy import read_npy
from melcli.store.values import stored_dtype

__all__ = ["Features", "open_features"]


def open_features(out: str | os.PathLike[str]) -> Features:
    """Open what ``melcli extract -o OUT`` wrote.

    Parameters
    ----------
    out : path
        OUT.

    Returns
    -------
    features : Features
        A mapping from id to array over all items that are ``ok``, sorted by id.

    Raises
    ------
    StorageError
        There is no manifest, or it cannot be read.
    """
    out = os.fspath(out)
    if not has_manifest(out):
        raise StorageError(f"{printable(out)} holds no {MANIFEST_FILE}; only a run that came to its end writes one")
    return Features(out, {row.id: row for row in read_manifest(out) if row.status == "ok"})


class Features(Mapping[str, np.ndarray]):
    """A mapping from id to array that reads an array when it is asked for.

    It can be pickled, sent to workers and used after a fork: open files stay with the process that opened them.

    Attributes
    ----------
    rows : Mapping of str to Row
        What the manifest says of each item.
    """

    def __init__(self, out: str, rows: Mapping[str, Row]) -> None:
        self.rows = rows
        self._out = os.path.abspath(out)
        self._shards: dict[tuple[int, str], ShardReader] = {}

    def __getitem__(self, item_id: str) -> np.ndarray:
        row = self.rows[item_id]
        path = self._inside(row)
        try:
            mels, frames = row.num_features or 0, row.num_frames or 0
            if row.start is None:  # time may be either axis; the file's numbers are given as they lie, square or not
                return read_npy(path, stored_dtype(row.dtype or ""), [(mels, frames), (frames, mels)])
            shard = self._shard(path)
            if (shard.num_features, shard.dtype) != (mels, stored_dtype(row.dtype or "")):
                raise ValueError("the shard is not the one that the manifest speaks of")
            return shard.read(row.start, frames)
        except (OSError, ValueError, LookupError, TypeError, RuntimeError, MemoryError) as error:
            raise StorageError(f"{printable(path)}: {item_id!r} cannot be read: {error}") from error

    def __iter__(self) -> Iterator[str]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __contains__(self, item_id: object) -> bool:
        return item_id in self.rows  # Mapping's own would read the array to find out

    def __repr__(self) -> str:
        return f"<Features of {len(self)} items in {printable(self._out)}>"

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_shards": {}}

    def close(self) -> None:
        """Close the shards that this process has open."""
        for (process, _), shard in list(self._shards.items()):
            if process == os.getpid():
                shard.close()
        self._shards.clear()

    def _inside(self, row: Row) -> str:
        path = os.path.normpath(os.path.join(self._out, row.path or ""))
        if not path.startswith(self._out + os.sep):
            raise StorageError(f"{printable(repr(row.path))} of {row.id!r} leads out of {printable(self._out)}")
        return path

    def _shard(self, path: str) -> ShardReader:
        """Return a shard that this very process opened: h5py's state of one opened before a fork is its parent's."""
        key = (os.getpid(), path)
        if key not in self._shards:
            self._shards[key] = ShardReader(path)
        return self._shards[key]
