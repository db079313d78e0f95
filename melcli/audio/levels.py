"""Measure the levels of a signal: peak, RMS, share of clipped samples, offset."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

__all__ = ["Levels", "Sums"]

# Sums of this many values are in the type of the samples.  In float32, those of 16-bit samples are exact.
ROW_VALUES = 512
MIN_SQUARED, MAX_SQUARED = 1e-10, 1e10  # squares of magnitudes between them keep their digits in float32
MAX_SUMMED = 1e100  # its square, and the sum of as many squares as a file can contain, are finite in float64


@dataclass(frozen=True, slots=True, kw_only=True)
class Levels:
    """Levels of a signal, over all its channels.

    They are rounded so that the same samples give the same numbers in blocks of any size.

    Attributes
    ----------
    peak : float
        Largest magnitude; exact.
    rms_db : float or None
        ``10 log10`` of the mean square in dB, to 3 decimals; a full-scale sine has -3.01 dB.  None if the mean square
        is 0, as for digital silence, or beyond float64.
    clipped_fraction : float
        Share of the values that are clipped, see `melcli.audio.scan.Scan`; to 6 significant digits.
    dc_offset : float or None
        Mean, to 8 decimals; None if a sum is beyond float64.
    """

    peak: float
    rms_db: float | None
    clipped_fraction: float
    dc_offset: float | None

    def describe(self) -> dict[str, Any]:
        """Return the levels as fields of a row."""
        return {
            "peak": self.peak,
            "rms_db": self.rms_db,
            "clipped_fraction": self.clipped_fraction,
            "dc_offset": self.dc_offset,
        }


class Sums:
    """Sum and sum of squares of the values so far.

    The values are divided into rows of `ROW_VALUES`, counted from the first, whatever the blocks are.  Each row is
    summed in the type of the samples, and the sums of rows in float64.  So a block is read where it is: a copy of it in
    float64 took three times as long.

    Attributes
    ----------
    peak : float
        Largest magnitude so far.
    """

    __slots__ = ("_num_rest", "_rest", "_squares", "_sum", "peak")

    def __init__(self) -> None:
        self.peak = 0.0
        self._sum = self._squares = 0.0
        self._rest = np.empty(0)  # the beginning of the next row
        self._num_rest = 0

    def add(self, values: np.ndarray, peak: float) -> None:
        """Add finite values; ``peak`` is their largest magnitude."""
        self.peak = max(self.peak, peak)
        start = self._fill(values[: ROW_VALUES - self._num_rest]) if self._num_rest else 0
        end = start + (len(values) - start) // ROW_VALUES * ROW_VALUES
        if end > start:
            self._add_rows(values[start:end])
        if end < len(values):
            self._fill(values[end:])

    def means(self, num_values: int) -> tuple[float, float]:
        """Return mean and mean square of all values; NaN if a sum is beyond float64."""
        if self.peak > MAX_SUMMED:
            return math.nan, math.nan
        rest = self._rest[: self._num_rest].astype(np.float64)
        total, squares = self._sum + float(np.add.reduce(rest)), self._squares + float(np.dot(rest, rest))
        return total / num_values, squares / num_values

    def _fill(self, values: np.ndarray) -> int:
        """Append values to the row that has begun, which they do not exceed; return their number."""
        if not len(self._rest):
            self._rest = np.empty(ROW_VALUES, values.dtype)
        end = self._num_rest + len(values)
        self._rest[self._num_rest : end] = values
        self._num_rest = end % ROW_VALUES
        if end == ROW_VALUES:
            self._add_rows(self._rest)
        return len(values)

    def _add_rows(self, values: np.ndarray) -> None:
        if self.peak > MAX_SUMMED:
            return
        if not MIN_SQUARED < self.peak < MAX_SQUARED:
            values = values.astype(np.float64)
        rows = values.reshape(-1, 1, ROW_VALUES)
        # A product of vectors for each row, since a product of matrices may sum a row as its neighbors demand.
        squares, sums = np.matmul(rows, rows.transpose(0, 2, 1)), np.matmul(rows, _ones(values.dtype))
        self._squares += float(np.add.reduce(squares.reshape(-1), dtype=np.float64))
        self._sum += float(np.add.reduce(sums.reshape(-1), dtype=np.float64))


@lru_cache
def _ones(dtype: np.dtype) -> np.ndarray:
    return np.ones((ROW_VALUES, 1), dtype)
