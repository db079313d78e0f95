"""Read untrusted arrays: ``.npy``, ``.npz``, and HDF5 with one dataset per item.

Nothing in such a file is trusted.  Sizes are compared with the bytes that exist before memory is allocated, and objects
are never unpickled.  Links out of an HDF5 file, and numbers stored in other files, are not followed.  Every fault
becomes a one-sentence error.  A shard of melcli outside its OUT yields its items by their ids.
"""

from __future__ import annotations

import lzma
import math
import os
import struct
import tokenize
import warnings
import zipfile
import zlib
from collections.abc import Sequence
from contextlib import ExitStack
from typing import IO, Any, Protocol

import numpy as np

from melcli.errors import StorageError
from melcli.opening import regular_only
from melcli.printable import printable
from melcli.store.error_translation import ErrorTranslation
from melcli.store.hdf5 import refuse_external

__all__ = ["ARRAY_EXTENSIONS", "ArrayFile", "open_arrays"]

# What NumPy, zipfile and h5py raised for 20,000 randomly damaged files, and related errors.
_DAMAGES = (
    *(OSError, EOFError, ValueError, TypeError, LookupError, SyntaxError, RuntimeError, ArithmeticError, MemoryError),
    *(tokenize.TokenError, struct.error, zlib.error, lzma.LZMAError, zipfile.BadZipFile),
)
_SHARD_DATASETS = {"features", "ids", "start", "num_frames"}


class ArrayFile(Protocol):
    """An open file of arrays.

    Attributes
    ----------
    names : sequence of str
        Names of the arrays; only ``""`` if the file is a single array.
    """

    names: Sequence[str]

    def read(self, name: str) -> np.ndarray:
        """Return one array of real numbers.

        Raises
        ------
        StorageError
            The array is damaged, or does not consist of real numbers.
        """

    def close(self) -> None:
        """Close the file."""


def open_arrays(path: str) -> ArrayFile:
    """Open a file by its extension.

    Parameters
    ----------
    path : str
        Its extension is one of `ARRAY_EXTENSIONS`, in any case.

    Raises
    ------
    StorageError
        It cannot be read, or its list of arrays is damaged.
    KeyError
        Its extension is another one.
    """
    kind = _KINDS[os.path.splitext(path)[1].lower()]
    with _damages(path):
        opened: ArrayFile = kind(path)
        return opened


class _NpyFile:
    """A single array; the file is not kept open."""

    names = ("",)

    def __init__(self, path: str) -> None:
        self._path = path
        with open(path, "rb", opener=regular_only) as file:
            _read_header(file, os.fstat(file.fileno()).st_size)

    def read(self, name: str) -> np.ndarray:
        with _damages(self._path), open(self._path, "rb", opener=regular_only) as file:
            return _read_array(file, os.fstat(file.fileno()).st_size)

    def close(self) -> None:
        pass


class _NpzFile:
    """A zip of ``.npy`` files; other members are skipped."""

    def __init__(self, path: str) -> None:
        self._path = path
        os.close(regular_only(path))  # opened again by name, so that it closes itself
        with ExitStack() as opened:
            self._zip = opened.enter_context(zipfile.ZipFile(path))
            members = (member for member in self._zip.infolist() if member.filename.endswith(".npy"))
            self._members = {member.filename.removesuffix(".npy"): member for member in members}
            self.names = sorted(self._members)
            opened.pop_all()

    def read(self, name: str) -> np.ndarray:
        with _damages(self._path, name), self._zip.open(self._members[name]) as file:
            return _read_array(file, self._members[name].file_size)

    def close(self) -> None:
        self._zip.close()


class _Hdf5File:
    """Datasets by their path in the file, or the items of a shard by their ids."""

    def __init__(self, path: str) -> None:
        import h5py

        self._path = path
        os.close(regular_only(path))  # HDF5 would wait for a named pipe
        self._slices: dict[str, tuple[slice, ...]] = {}
        datasets: list[str] = []
        with ExitStack() as opened:  # while a file is open, HDF5 answers for any file of that name from it
            self._file = opened.enter_context(h5py.File(path, "r", locking=False))
            # A callback instead of a recursive walk: it visits every object once, even if links form a circle.
            self._file.visititems(lambda name, node: datasets.append(name) if isinstance(node, h5py.Dataset) else None)
            if set(datasets) == _SHARD_DATASETS:
                self._slices = self._shard_slices()
            self.names = sorted(self._slices or datasets)
            opened.pop_all()

    def read(self, name: str) -> np.ndarray:
        with _damages(self._path, name):
            dataset = self._file["features" if self._slices else name]
            _check_type(dataset.dtype)
            refuse_external(dataset)
            features: np.ndarray = np.asarray(dataset[self._slices.get(name, ())])
            return features

    def close(self) -> None:
        self._file.close()

    def _shard_slices(self) -> dict[str, tuple[slice, ...]]:
        for name in _SHARD_DATASETS:
            refuse_external(self._file[name])
        before = (slice(None),) * int(self._file["features"].attrs["time_axis"])
        ids = [item_id.decode("utf-8", "surrogateescape") for item_id in self._file["ids"][()]]
        ranges = zip(self._file["start"][()].tolist(), self._file["num_frames"][()].tolist(), strict=True)
        frames = [slice(start, start + num_frames) for start, num_frames in ranges]
        return {item_id: (*before, part) for item_id, part in zip(ids, frames, strict=True)}


_KINDS: dict[str, Any] = {".npy": _NpyFile, ".npz": _NpzFile, ".h5": _Hdf5File, ".hdf5": _Hdf5File}
ARRAY_EXTENSIONS = tuple(_KINDS)


def _read_array(file: IO[bytes], size: int) -> np.ndarray:
    """Read header and numbers; ``size`` is the size of both together, in bytes."""
    dtype, shape, order = _read_header(file, size)
    numbers = np.frombuffer(file.read(dtype.itemsize * math.prod(shape)), dtype=dtype)
    return numbers.reshape(shape, order=order)


def _read_header(file: IO[bytes], size: int) -> tuple[np.dtype, tuple[int, ...], Any]:
    """Read and check the header; a damaged one made `numpy.load` request 36 TiB."""
    start = file.tell() if file.seekable() else 0
    version = np.lib.format.read_magic(file)
    read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}.get(version)
    if read is None:  # 3.0 exists for names of fields
        raise ValueError(f"version {version[0]}.{version[1]} of .npy does not contain plain numbers")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # NumPy warns about headers of Python 2, which are fine
        shape, fortran, dtype = read(file)
    _check_type(dtype)
    available = size - (file.tell() - start)
    if min(shape, default=0) < 0 or dtype.itemsize * math.prod(shape) != available:
        raise ValueError(f"the header describes shape {shape} in {dtype}, but {available} bytes follow")
    return dtype, shape, "F" if fortran else "C"


def _check_type(dtype: np.dtype) -> None:
    if dtype.kind not in "fiu":
        raise ValueError(f"it contains {'objects' if dtype.kind == 'O' else dtype}, not real numbers")


def _damages(path: str, name: str = "") -> ErrorTranslation:
    """Translate the errors of a damaged file into `StorageError`, with the file and the array."""

    def translate(error: Exception) -> StorageError:
        where = f"{path}[{name}]" if name else path
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        return StorageError(printable(f"{where} cannot be read: {reason or type(error).__name__}"))

    return ErrorTranslation(_DAMAGES, translate)
