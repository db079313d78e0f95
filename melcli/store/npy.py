"""Store each item as a ``.npy`` file, in folders like those of the inputs."""

from __future__ import annotations

import io
import math
import os
from collections.abc import Iterable
from functools import lru_cache
from itertools import chain

import numpy as np

from melcli.opening import regular_only
from melcli.store.files import StagedFiles
from melcli.store.layout import npy_name
from melcli.store.placement import Placement
from melcli.store.stored_array import StoredFeatures

__all__ = ["NpySink", "npy_header", "read_npy"]


class NpySink:
    """Writes each array when it is added; the files of a batch get their final names together."""

    def __init__(self, out: str, *, flush: bool = True) -> None:
        self._files = StagedFiles(out, flush=flush)
        self._placed: dict[str, Placement] = {}

    def put(self, item_id: str, features: StoredFeatures) -> None:
        """Write the features of one item under a temporary name."""
        name = npy_name(item_id)
        size = self._files.add(name, chain([npy_header(features.dtype, features.shape)], features.pieces()))
        self._placed[item_id] = Placement(path=name, output_size=size)

    def drop(self, item_id: str) -> None:
        """Remove the features of one item, if they were added."""
        placement = self._placed.pop(item_id, None)
        if placement is not None:
            self._files.drop(placement.path)

    def commit(self) -> dict[str, Placement]:
        """Give all files their final names; return their placements by id."""
        self._files.commit()
        return self._placed

    def discard(self) -> None:
        """Remove everything that was not committed."""
        self._files.discard()


def read_npy(path: str, dtype: np.dtype, shapes: Iterable[tuple[int, ...]]) -> np.ndarray:
    """Read a file that `NpySink` wrote.

    The header must be byte for byte that of an expected array.  `numpy.load` would parse whatever is there: damaged
    headers raised five kinds of exceptions, one of them after requesting 36 TiB.

    Parameters
    ----------
    path : str
        The file.
    dtype : np.dtype
        Type of the stored numbers.
    shapes : iterable of tuple of int
        The shapes that the array may have.

    Raises
    ------
    ValueError, OSError
        It is not such a file, or cannot be read.
    """
    with open(path, "rb", opener=regular_only) as file:
        size = os.fstat(file.fileno()).st_size
        for shape in shapes:
            header = npy_header(dtype, shape)
            file.seek(0)
            if file.read(len(header)) == header and size == len(header) + dtype.itemsize * math.prod(shape):
                features: np.ndarray = np.fromfile(file, dtype=dtype).reshape(shape)
                return features
    raise ValueError("the file is damaged, or not the one that the manifest describes")


@lru_cache(maxsize=64)  # many items have the same length, and NumPy takes 25 us to write a header
def npy_header(dtype: np.dtype, shape: tuple[int, ...]) -> bytes:
    """Return the header of an array in C order."""
    stream = io.BytesIO()
    fields = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(stream, fields)
    return stream.getvalue()
