"""The last steps of a front end: number of frames, mean and standard deviation, clipping."""

from __future__ import annotations

from collections.abc import Iterable, MutableSequence, Sequence
from functools import reduce

import numpy as np

from melcli.mel.options import FeatureOptions

__all__ = ["fit_frames", "standardize"]

Statistic = float | Sequence[float] | str


def fit_frames(features: np.ndarray, num_frames: int) -> np.ndarray:
    """Remove frames at the end, or append frames of zeros.

    Parameters
    ----------
    features : np.ndarray [shape=(..., features, frames)]

    Returns
    -------
    fitted : np.ndarray [shape=(..., features, num_frames)], same type
    """
    missing = max(0, num_frames - features.shape[-1])
    return np.pad(features[..., :num_frames], [(0, 0)] * (features.ndim - 1) + [(0, missing)])


def standardize(chunks: MutableSequence[np.ndarray], options: FeatureOptions) -> None:
    """Replace features by ``(x - mean) / (std + std_eps)``, in place; a zero or undefined deviation gives 0.

    Statistics are those of the signal, in float64: "bin" over time, "all" over everything.

    Parameters
    ----------
    chunks : MutableSequence of np.ndarray [shape=(features, frames)]
        Chunks of one signal, in order of time.
    options : FeatureOptions
    """
    mean, std = options.mean, options.std
    if mean == 0.0 and std == 1.0 and options.std_eps == 0.0:
        return
    if isinstance(std, str) and _count(chunks, std) <= options.std_ddof:
        deviation = np.zeros((1, 1))  # a single frame has no deviation with std_ddof=1; std_eps does not change that
    else:
        deviation = _deviation(chunks, std, options.std_ddof) + options.std_eps
    center = _mean(chunks, mean)
    for number, chunk in enumerate(chunks):
        chunk -= center
        np.divide(chunk, deviation, out=chunk, where=deviation != 0.0)
        np.copyto(chunk, 0.0, where=deviation == 0.0)
        chunks[number] = chunk


def _mean(chunks: Sequence[np.ndarray], mean: Statistic) -> np.ndarray:
    if not isinstance(mean, str):
        return _column(mean)
    return _sum((chunk.sum(axis=-1, dtype=np.float64, keepdims=True) for chunk in chunks), mean) / _count(chunks, mean)


def _deviation(chunks: Sequence[np.ndarray], std: Statistic, ddof: int) -> np.ndarray:
    if not isinstance(std, str):
        return _column(std)
    # Computed relative to the first frame, so that equal values have a deviation of exactly 0, not a rounding error.
    first = chunks[0][:, :1].copy() if std == "bin" else chunks[0][:1, :1].copy()
    sums = ((chunk - first).sum(axis=-1, dtype=np.float64, keepdims=True) for chunk in chunks)
    center = _sum(sums, std) / _count(chunks, std)
    squares = (np.square(chunk - first - center).sum(axis=-1, keepdims=True) for chunk in chunks)
    deviation: np.ndarray = np.sqrt(_sum(squares, std) / (_count(chunks, std) - ddof))
    return deviation


def _sum(sums: Iterable[np.ndarray], statistic: str) -> np.ndarray:
    """Add the sums of all chunks for each feature, and for "all" over the features too; ``(features or 1, 1)``."""
    total: np.ndarray = reduce(np.add, sums)
    return total if statistic == "bin" else total.sum(keepdims=True)


def _count(chunks: Sequence[np.ndarray], statistic: str) -> int:
    """Count the values behind one statistic."""
    return sum(chunk.shape[-1] if statistic == "bin" else chunk.size for chunk in chunks)


def _column(numbers: float | Sequence[float]) -> np.ndarray:
    """Return one number, or one per feature, in a shape that broadcasts with (features, frames)."""
    return np.asarray(numbers, dtype=np.float64).reshape(-1, 1)
