"""What is stored of an array, and what is written down about it."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np

from melcli.errors import AudioError

__all__ = ["as_stored", "describe", "stored_dtype"]


def as_stored(features: np.ndarray, dtype: str) -> np.ndarray:
    """Convert features to the type they are stored in, C-contiguous and little-endian.

    Raises
    ------
    AudioError
        ``nonfinite``: a value is no number, or beyond the type's range, such as 65504 for float16.
    """
    limit = float(np.finfo(dtype).max)
    peak = float(np.abs(features).max(initial=0.0))
    if not peak <= limit:  # not a number compares as neither
        raise AudioError(
            "nonfinite", f"a value of {peak:.6g} cannot be stored as output.dtype={dtype}, which ends at {limit:.6g}"
        )
    return np.ascontiguousarray(features, dtype=stored_dtype(dtype))


def stored_dtype(name: str) -> np.dtype:
    """Return the type that numbers are stored in, by its name; little-endian on every machine."""
    dtype: np.dtype = np.dtype(name).newbyteorder("<")
    return dtype


def describe(stored: np.ndarray) -> dict[str, Any]:
    """Return checksum and range of a stored array, by the manifest's names."""
    return {
        "dtype": stored.dtype.name,
        "crc32": f"{zlib.crc32(stored.data):08x}",
        "min": float(stored.min()),
        "max": float(stored.max()),
        "mean": float(stored.mean(dtype=np.float64)),
    }
