"""Read small ``.npy`` and ``.npz`` files of numbers and text, without trusting the sizes that they claim."""

from __future__ import annotations

import io
import struct
import tokenize
import warnings
import zipfile
import zlib

import numpy as np

from melcli.errors import ConfigError

__all__ = ["read_npy", "read_npz"]

MAX_ARRAY_BYTES = 1 << 26
_DAMAGES = (
    *(OSError, EOFError, ValueError, TypeError, LookupError, SyntaxError, RuntimeError, ArithmeticError, MemoryError),
    *(NotImplementedError, tokenize.TokenError, struct.error, zlib.error, zipfile.BadZipFile),
)


def read_npy(data: bytes) -> np.ndarray:
    """Return the array of an ``.npy`` file.

    Raises
    ------
    ConfigError
        It is damaged, or contains neither numbers nor text.
    """
    try:
        return _read_array(data)
    except _DAMAGES as error:
        raise ConfigError(f"it is not an array: {error}") from None


def read_npz(data: bytes) -> dict[str, np.ndarray]:
    """Return the arrays of an ``.npz`` file by name; errors as of `read_npy`."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as file:
            members = [member for member in file.infolist() if member.filename.endswith(".npy")]
            if sum(member.file_size for member in members) > MAX_ARRAY_BYTES:
                raise ValueError(f"its arrays take more than {MAX_ARRAY_BYTES:,} bytes")
            arrays = {}
            for member in members:
                with file.open(member) as opened:
                    content = opened.read(member.file_size)
                arrays[member.filename.removesuffix(".npy")] = _read_array(content)
            return arrays
    except _DAMAGES as error:
        raise ConfigError(f"it is not a file of arrays: {error}") from None


def _read_array(data: bytes) -> np.ndarray:
    file = io.BytesIO(data)
    version = np.lib.format.read_magic(file)
    readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    if version not in readers:
        raise ValueError(f"version {version[0]}.{version[1]} of .npy does not contain plain numbers")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # NumPy warns about headers of Python 2, which are fine
        shape, fortran, dtype = readers[version](file)
    if dtype.kind not in "fiuU":
        raise ValueError(f"it contains {'objects' if dtype.kind == 'O' else dtype}, not numbers")
    count = int(np.prod(shape, dtype=object)) if shape else 1
    if min(shape, default=0) < 0 or count * dtype.itemsize != len(data) - file.tell():
        raise ValueError(f"its header describes shape {shape}, which does not fit its size")
    array = np.frombuffer(data, dtype, count=count, offset=file.tell()) if count else np.empty(0, dtype)
    return array.reshape(shape, order="F" if fortran else "C")
