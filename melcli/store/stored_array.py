"""The array of an item as it is stored: type, checksum and statistics."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from melcli.errors import AudioError
from melcli.store.row_validity import STORED_TYPES
from melcli.store.spool import Spool

__all__ = ["StoredFeatures", "as_stored", "stored_dtype"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFeatures:
    """One item's features as they are stored.

    Attributes
    ----------
    chunks : Spool
        C-contiguous and little-endian, in order of time.
    time_axis : int
        The time axis of a chunk.
    shape : tuple of int
        Shape of all chunks together.
    dtype : np.dtype
    min, max, mean : float
        Minimum, maximum and mean of the stored numbers.
    """

    chunks: Spool
    time_axis: int
    shape: tuple[int, int]
    dtype: np.dtype
    min: float
    max: float
    mean: float

    @property
    def num_frames(self) -> int:
        """Number of frames."""
        return self.shape[self.time_axis]

    @property
    def num_bytes(self) -> int:
        """Size of all numbers, in bytes."""
        return self.shape[0] * self.shape[1] * self.dtype.itemsize

    def pieces(self) -> Iterator[memoryview]:
        """Yield the bytes of the whole array, in C order."""
        if len(self.chunks) == 1 or self.time_axis == 0:
            for chunk in self.chunks:
                yield chunk.data
        else:
            for row in range(self.shape[0]):
                for number in range(len(self.chunks)):
                    yield self.chunks.row(number, row).data

    def describe(self) -> dict[str, Any]:
        """Return type, checksum and range, as fields of a row."""
        crc32 = 0
        for piece in self.pieces():
            crc32 = zlib.crc32(piece, crc32)
        return {
            "dtype": _type_name(self.dtype),
            "crc32": f"{crc32:08x}",
            "min": self.min,
            "max": self.max,
            "mean": self.mean,
        }


def as_stored(chunks: Spool, dtype: str, *, time_axis: int) -> StoredFeatures:
    """Convert features to the type for storing, in place.

    Parameters
    ----------
    chunks : Spool
        At least one chunk, with two axes each.
    dtype : str
        Name of the type.
    time_axis : int

    Raises
    ------
    AudioError
        ``nonfinite``: a value is NaN, or beyond the range of the type, such as 65504 for float16.
    """
    limit, wanted = _largest(dtype), stored_dtype(dtype)
    lows, highs, total, num_frames = [], [], 0.0, 0
    for number, chunk in enumerate(chunks):
        low, high = float(chunk.min()), float(chunk.max())
        if not -limit <= low <= high <= limit:  # False for NaN
            peak = max(-low, high) if low == low else low
            raise AudioError(
                "nonfinite",
                f"a value of {peak:.6g} cannot be stored as output.dtype={dtype}, whose maximum is {limit:.6g}",
            )
        if chunk.dtype != wanted or not chunk.flags.c_contiguous:  # otherwise it is stored already
            chunk = np.ascontiguousarray(chunk, dtype=wanted)
            chunks[number] = chunk
        lows.append(low)
        highs.append(high)
        total += float(chunk.sum(dtype=np.float64))
        num_frames += chunk.shape[time_axis]
        num_features = chunk.shape[1 - time_axis]
    return StoredFeatures(
        chunks=chunks,
        time_axis=time_axis,
        shape=(num_frames, num_features) if time_axis == 0 else (num_features, num_frames),
        dtype=wanted,
        min=float(wanted.type(min(lows))),
        max=float(wanted.type(max(highs))),
        mean=total / (num_frames * num_features),
    )


# Cached, because NumPy took a tenth of the time of a short item to compute it each time.
@lru_cache
def stored_dtype(name: str) -> np.dtype:
    """Return the type for storing numbers, by its name; little-endian on every machine.

    Raises
    ------
    ValueError
        melcli does not store this type: the manifest may have been tampered with.
    """
    if name not in STORED_TYPES:
        raise ValueError(f"dtype={name!r} must be one of {', '.join(STORED_TYPES)}")
    dtype: np.dtype = np.dtype(name).newbyteorder("<")
    return dtype


@lru_cache
def _largest(name: str) -> float:
    return float(np.finfo(name).max)


@lru_cache
def _type_name(dtype: np.dtype) -> str:
    name: str = dtype.name
    return name
