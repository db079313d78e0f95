"""The residual of a spectrum and its filters against the features, for any logarithm and normalization.

Levels are an affine function of the logarithm of the mel powers: the unit of the logarithm and ``std`` are the factor,
``mean``, ``input_scale`` and ``ref_power`` the term.  So the distance is what is left after the best such function.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from melcli.identify.observation import Observation

__all__ = ["affine_fit", "misfit"]

FLOOR = 1e-13  # of the loudest: what lies below it is rounding in float32


def affine_fit(mel: np.ndarray, seen: Observation) -> tuple[np.ndarray, np.ndarray, float]:
    """Fit ``logs = factor ln(mel) + term`` where the features can be trusted.

    Parameters
    ----------
    mel : np.ndarray [shape=(frames, mels)]
        Linear.
    seen : Observation
        Of the same frames.

    Returns
    -------
    factor, term : np.ndarray [shape=(1,) or (mels,)]
        One for each bin where each was normalized by itself.
    misfit : float
        Root of the mean square of what is left, in deviations of the features; 1 says nothing fits.
    """
    x = np.log(np.maximum(mel, FLOOR * mel.max() + np.finfo(mel.dtype).tiny))
    if seen.cepstral:
        x = x @ _cosines(mel.shape[1], seen.num_features)
    y, weight = seen.logs, seen.trusted
    count = weight.sum(axis=0)
    x_mean, y_mean = (np.where(weight, values, 0.0).sum(axis=0) / np.maximum(count, 1) for values in (x, y))
    if seen.normalized == "no":
        total = max(1, int(count.sum()))
        x_mean, y_mean = (np.full_like(mean, (mean * count).sum() / total) for mean in (x_mean, y_mean))
    dx, dy = np.where(weight, x - x_mean, 0.0), np.where(weight, y - y_mean, 0.0)
    xx, xy, yy = (dx * dx).sum(axis=0), (dx * dy).sum(axis=0), (dy * dy).sum(axis=0)
    if seen.normalized != "std":
        xx, xy = xx.sum(keepdims=True), xy.sum(keepdims=True)
    factor = xy / np.maximum(xx, 1e-300)
    left = np.square(dy - factor * dx).sum() / max(yy.sum(), 1e-300)
    return factor, y_mean - factor * x_mean, float(np.sqrt(left))


@lru_cache(64)
def _cosines(num_mel_bins: int, num_ceps: int) -> np.ndarray:
    """Return the orthonormal cosine transform of logarithms, without a factor for the first coefficient."""
    angles = np.pi * np.outer(np.arange(num_mel_bins) + 0.5, np.arange(num_ceps)) / num_mel_bins
    cosines: np.ndarray = np.sqrt(2 / num_mel_bins) * np.cos(angles)
    return cosines


def misfit(mel: np.ndarray, seen: Observation) -> float:
    """Return what is left after the best affine function of the logarithm; a falling one counts as none."""
    factor, _, left = affine_fit(mel, seen)
    return left if factor.mean() > 0 else 1.0
