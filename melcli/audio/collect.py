"""Collect a signal of unknown length with at most one copy."""

from __future__ import annotations

import numpy as np

__all__ = ["Collector"]

# Limits the allocation that a header's claim can cause: 64 MiB of float32, of which the system provides only the pages
# that are written to.
MAX_EXPECTED_SAMPLES = 2**24


class Collector:
    """Join pieces ``(samples, outputs)`` into rows ``(outputs, samples)``.

    Parameters
    ----------
    num_outputs : int
    dtype : str
    expected_samples : int
        Estimate of the number of samples; a wrong estimate costs time, not correctness.
    """

    def __init__(self, num_outputs: int, dtype: str, expected_samples: int) -> None:
        self._expected = min(expected_samples, MAX_EXPECTED_SAMPLES // num_outputs)
        self._rows = np.empty((num_outputs, 0), dtype)
        self._num_samples = 0

    def add(self, piece: np.ndarray) -> None:
        """Append the next piece, which may be empty and must not be changed afterwards."""
        if not len(piece):
            return
        if not self._num_samples and len(piece) >= self._expected:
            self._rows = piece.T  # a short file is one block and needs no copy
            self._num_samples = len(piece)
            return
        end = self._num_samples + len(piece)
        if end > self._rows.shape[1]:
            self._grow(max(end, 2 * self._num_samples, self._expected))
        self._rows[:, self._num_samples : end] = piece.T
        self._num_samples = end

    def _grow(self, num_samples: int) -> None:
        rows = np.empty((len(self._rows), num_samples), self._rows.dtype)
        rows[:, : self._num_samples] = self._rows[:, : self._num_samples]
        self._rows = rows

    def collected(self) -> np.ndarray:
        """Return all samples so far, C-contiguous; not copied if the estimate was right or there is one output."""
        return np.ascontiguousarray(self._rows[:, : self._num_samples])
