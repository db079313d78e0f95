"""Gather a signal of unknown length without holding it twice."""

from __future__ import annotations

import numpy as np

__all__ = ["Collector"]

# A header may claim anything, so memory is not taken on its word beyond this: 64 MiB of float32, of which the system
# hands out no more than is written to.
MAX_EXPECTED_SAMPLES = 2**24


class Collector:
    """Lay pieces ``(samples, outputs)`` one after another as rows ``(outputs, samples)``.

    Parameters
    ----------
    num_outputs : int
    dtype : str
    expected_samples : int
        About how many will come; a wrong guess costs time, not correctness.
    """

    def __init__(self, num_outputs: int, dtype: str, expected_samples: int) -> None:
        self._rows = np.empty((num_outputs, max(1, min(expected_samples, MAX_EXPECTED_SAMPLES // num_outputs))), dtype)
        self._num_samples = 0

    def add(self, piece: np.ndarray) -> None:
        """Copy the next piece, which may be empty."""
        if not len(piece):
            return
        end = self._num_samples + len(piece)
        if end > self._rows.shape[1]:
            grown = np.empty((len(self._rows), max(end, 2 * self._num_samples)), self._rows.dtype)
            grown[:, : self._num_samples] = self._rows[:, : self._num_samples]
            self._rows = grown
        self._rows[:, self._num_samples : end] = piece.T
        self._num_samples = end

    def collected(self) -> np.ndarray:
        """Return all samples so far, C-contiguous; without a copy if the guess was right or there is one output."""
        return np.ascontiguousarray(self._rows[:, : self._num_samples])
