"""The last steps of a front end: a number of frames, mean and deviation, limits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from melcli.mel.options import FeatureOptions

__all__ = ["fit_frames", "standardise"]

Statistic = float | Sequence[float] | str


def fit_frames(features: np.ndarray, num_frames: int) -> np.ndarray:
    """Cut the frames, or append frames of zeros.

    Parameters
    ----------
    features : np.ndarray [shape=(..., features, frames)]

    Returns
    -------
    fitted : np.ndarray [shape=(..., features, num_frames)], same type
    """
    missing = max(0, num_frames - features.shape[-1])
    return np.pad(features[..., :num_frames], [(0, 0)] * (features.ndim - 1) + [(0, missing)])


def standardise(features: np.ndarray, options: FeatureOptions) -> None:
    """Replace features by ``(x - mean) / (std + std_eps)``, in place; a deviation of 0 or of none at all gives 0.

    Statistics of the signal are taken of each signal for itself, in float64: "bin" over time, "all" over everything.

    Parameters
    ----------
    features : np.ndarray [shape=(..., features, frames)]
    """
    mean, std = options.mean, options.std
    if mean == 0.0 and std == 1.0 and options.std_eps == 0.0:
        return
    if isinstance(std, str) and _count(features, std) <= options.std_ddof:
        features.fill(0.0)  # one frame has no deviation with std_ddof=1
        return
    deviation = _deviation(features, std, options.std_ddof) + options.std_eps
    features -= _mean(features, mean)
    np.divide(features, deviation, out=features, where=deviation != 0.0)
    np.copyto(features, 0.0, where=deviation == 0.0)


def _mean(features: np.ndarray, mean: Statistic) -> np.ndarray:
    if not isinstance(mean, str):
        return _column(mean)
    average: np.ndarray = features.mean(axis=_axes(mean), dtype=np.float64, keepdims=True)
    return average


def _deviation(features: np.ndarray, std: Statistic, ddof: int) -> np.ndarray:
    if not isinstance(std, str):
        return _column(std)
    # Taken from the first frame, so that values which are all the same have the deviation 0 and not a rounding error.
    shifted = features - (features[..., :1] if std == "bin" else features[..., :1, :1])
    deviation: np.ndarray = shifted.std(axis=_axes(std), dtype=np.float64, ddof=ddof, keepdims=True)
    return deviation


def _count(features: np.ndarray, statistic: str) -> int:
    """Count the values of one statistic."""
    return int(np.prod([features.shape[axis] for axis in _axes(statistic)]))


def _axes(statistic: str) -> tuple[int, ...]:
    return (-1,) if statistic == "bin" else (-2, -1)


def _column(numbers: float | Sequence[float]) -> np.ndarray:
    """Return one number, or one for each feature, in a shape that meets (features, frames)."""
    return np.asarray(numbers, dtype=np.float64).reshape(-1, 1)
