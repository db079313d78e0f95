"""Matrices of Kaldi, binary and text, with and without keys.

The formats are those of ``Matrix::Read`` and ``Matrix::Write`` in kaldi-matrix.cc.  Nothing is run: a name with a pipe,
which Kaldi and kaldiio run as a command, is only a name here.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping

import numpy as np

from melcli.errors import ConfigError

__all__ = ["encode_matrices", "read_matrices"]

BINARY = b"\0B"
TYPES = {b"FM ": "<f4", b"DM ": "<f8"}
_SIZES = struct.Struct("<bibi")
_KEY = re.compile(rb"\s*([^\s\[\0]+)[ \t]+")
_TEXT = re.compile(rb"\s*\[([^\]\[]*)\]\s*")


def read_matrices(data: bytes) -> dict[str, np.ndarray]:
    """Return the matrices by key; one without a key has the key ``""``.

    Raises
    ------
    ConfigError
        The data is not such matrices, or ends inside one.
    """
    found: dict[str, np.ndarray] = {}
    place = 0
    while place < len(data):
        key = "" if data.startswith(BINARY, place) else _key(data, place)
        if key:
            place = _KEY.match(data, place).end()  # type: ignore[union-attr]
        if key in found:
            raise ConfigError(f"the matrix {key!r} is in it twice")
        is_binary = data.startswith(BINARY, place)
        found[key], place = _read_binary(data, place) if is_binary else _read_text(data, place)
    if not found:
        raise ConfigError("it contains no matrix")
    return found


def encode_matrices(matrices: Mapping[str, np.ndarray]) -> bytes:
    """Return a binary archive of matrices of float64, as ``copy-matrix ark:... ark:...`` writes it."""
    pieces = []
    for key, matrix in matrices.items():
        sizes = _SIZES.pack(4, matrix.shape[0], 4, matrix.shape[1])
        pieces += [key.encode(), b" ", BINARY, b"DM ", sizes, np.ascontiguousarray(matrix, "<f8").tobytes()]
    return b"".join(pieces)


def _key(data: bytes, place: int) -> str:
    found = _KEY.match(data, place)
    if found is None:
        return ""
    try:
        return found[1].decode()
    except UnicodeDecodeError:
        raise ConfigError("a key of a matrix is not UTF-8") from None


def _read_binary(data: bytes, place: int) -> tuple[np.ndarray, int]:
    place += len(BINARY)
    dtype = TYPES.get(data[place : place + 3])
    if dtype is None:
        raise ConfigError(f"the matrix type {data[place : place + 3]!r} is none of FM and DM")
    place += 3
    if len(data) < place + _SIZES.size:
        raise ConfigError("it ends inside a matrix")
    four, rows, also_four, columns = _SIZES.unpack_from(data, place)
    place += _SIZES.size
    if (four, also_four) != (4, 4) or rows < 0 or columns < 0:
        raise ConfigError("the size of a matrix is damaged")
    end = place + rows * columns * np.dtype(dtype).itemsize
    if end > len(data):
        raise ConfigError("it ends inside a matrix")
    numbers = np.frombuffer(data, dtype, count=rows * columns, offset=place)
    return numbers.reshape(rows, columns).astype(np.float64), end


def _read_text(data: bytes, place: int) -> tuple[np.ndarray, int]:
    found = _TEXT.match(data, place)
    if found is None:
        raise ConfigError("it is not a matrix of Kaldi")
    lines = [line.split() for line in found[1].splitlines() if line.strip()]
    try:
        rows = [[float(number) for number in line] for line in lines]
        return np.array(rows, np.float64).reshape(len(rows), -1), found.end()
    except ValueError:
        raise ConfigError("a matrix has a word that is not a number, or rows of different lengths") from None
