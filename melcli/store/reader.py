"""Read features: a mapping from id to array, for npy and HDF5."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

import numpy as np

from melcli.errors import StorageError
from melcli.printable import printable
from melcli.store.current_config import current_config_id
from melcli.store.hdf5 import ShardReader
from melcli.store.layout import CONFIG_FILE, MANIFEST_FILE, npy_name, shard_number
from melcli.store.manifest import has_manifest
from melcli.store.npy import read_npy
from melcli.store.row_index import RowIndex, read_index
from melcli.store.rows import OkRow
from melcli.store.stored_array import stored_dtype

__all__ = ["Features", "open_features"]


def open_features(out: str | os.PathLike[str]) -> Features:
    """Open the features that ``melcli extract -o OUT`` wrote.

    Parameters
    ----------
    out : path
        OUT.

    Returns
    -------
    features : Features
        A mapping from id to array, sorted by the bytes of the ids.  It contains all items that are ``ok`` and have the
        config of OUT's melcli.yaml.  OUT may still contain features of an earlier config, for inputs that no longer
        existed when everything was recomputed.

    Raises
    ------
    StorageError
        There is no manifest, it cannot be read, or no item has the config of melcli.yaml.  Damage inside a row that
        begins and ends correctly is found when its item is read.
    """
    out = os.fspath(out)
    if not has_manifest(out):
        raise StorageError(f"{printable(out)} contains no {MANIFEST_FILE}", hint="only a completed run writes one")
    rows = read_index(out)
    num_rows = len(rows)
    rows.keep_config(_config_id(out, rows))
    return Features(out, rows, rows.doubled, num_other_config=num_rows - len(rows))


def _config_id(out: str, rows: RowIndex) -> str | None:
    """Return the config whose features to serve."""
    found = rows.config_ids
    current = current_config_id(out)
    if current is None and len(found) == 1:  # melcli.yaml was lost; the next run writes it
        return found[0]
    if not found or current in found:
        return current
    if current is None:
        raise StorageError(
            f"{printable(out)} has features of {len(found)} configs but no {CONFIG_FILE} that selects one of them",
            hint="run melcli extract again",
        )
    raise StorageError(
        f"{printable(out)} has no features of its config_id {current}, only {len(rows):,} of other configs",
        hint="run melcli extract again",
    )


class Features(Mapping[str, np.ndarray]):
    """A mapping from id to array that reads an array on access.

    An array is returned only if the row's path is where melcli stores this item, and the file has the row's shape and
    type.  A shard must also list the item at these frames.  Changed numbers are found by
    ``melcli verify --read-data``.

    It can be pickled, sent to workers and used after a fork: open files stay with the process that opened them.  Only
    the position of each row in the manifest is in memory, so unpickling needs the same manifest.

    Use `melcli.open_features` to create one.

    Parameters
    ----------
    out : str
        OUT.
    rows : Mapping of str to OkRow
        The row of each item.
    doubled : collection of str
        Ids that the manifest lists more than once; they are not served.
    num_other_config : int
        Number of items in OUT that are not served, because they have another config.

    Attributes
    ----------
    rows, num_other_config
        The arguments.
    transform : callable or None
        Is applied to each array with its row, such as a normalization; it must support pickle.
    """

    def __init__(
        self, out: str, rows: Mapping[str, OkRow], doubled: Collection[str] = (), *, num_other_config: int = 0
    ) -> None:
        self.rows = rows
        self.num_other_config = num_other_config
        self._doubled = frozenset(doubled)
        self._out = os.path.abspath(out)
        self._shards: dict[tuple[int, str], ShardReader] = {}
        self.transform: Callable[[OkRow, np.ndarray], np.ndarray] | None = None

    def __getitem__(self, item_id: str) -> np.ndarray:
        row = self.rows[item_id]
        features = self._stored(row)
        return features if self.transform is None else self.transform(row, features)

    def _stored(self, row: OkRow) -> np.ndarray:
        """Return the array of a row as it is stored."""
        item_id = row.id
        path = self._inside(row)
        try:
            mels, frames = row.num_features, row.num_frames
            if row.start is None:  # either axis may be time; the layout of the file is returned
                return read_npy(path, stored_dtype(row.dtype), [(mels, frames), (frames, mels)])
            shard = self._shard(path, mels, stored_dtype(row.dtype))
            if shard.places().get(row.id) != (row.start, frames):
                raise ValueError("the shard has it at other frames than the manifest")
            return shard.read(row.start, frames)
        except (OSError, ValueError, LookupError, TypeError, RuntimeError, MemoryError) as error:
            raise StorageError(f"{printable(path)}: {item_id!r} cannot be read: {error}") from error

    def __iter__(self) -> Iterator[str]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __contains__(self, item_id: object) -> bool:
        return item_id in self.rows  # the default of Mapping would read the array

    def __repr__(self) -> str:
        return f"<Features of {len(self)} items in {printable(self._out)}>"

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_shards": {}}

    def close(self) -> None:
        """Close the manifest and the shards that this process opened; they are opened again when needed."""
        if isinstance(self.rows, RowIndex):
            self.rows.close()
        for (process, _), shard in list(self._shards.items()):
            if process == os.getpid():
                shard.close()
        self._shards.clear()

    def _inside(self, row: OkRow) -> str:
        path = os.path.normpath(os.path.join(self._out, row.path))
        if not path.startswith(self._out + os.sep):
            raise StorageError(f"{printable(repr(row.path))} of {row.id!r} is outside {printable(self._out)}")
        own = row.path == npy_name(row.id) if row.start is None else shard_number(row.path) is not None
        if not own:
            raise StorageError(f"{printable(repr(row.path))} of {row.id!r} is not a path where melcli stores it")
        if row.id in self._doubled:
            raise StorageError(f"{printable(self._out)}: {row.id!r} is in {MANIFEST_FILE} more than once")
        return path

    def _shard(self, path: str, num_features: int, dtype: np.dtype) -> ShardReader:
        """Return a shard that this process opened; h5py cannot share one with a parent process after a fork.

        A shard with another shape or type is closed, so that the right one can be opened once it exists.
        """
        key = (os.getpid(), path)
        if key not in self._shards:
            self._shards[key] = ShardReader(path)
        shard = self._shards[key]
        if (shard.num_features, shard.dtype) != (num_features, dtype):
            self._shards.pop(key).close()
            raise ValueError("the shard is not the one that the manifest describes")
        return shard
