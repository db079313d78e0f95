"""The residual of a spectrum and its filters against the features, for any logarithm and normalization.

Levels are an affine function of the logarithm of the mel powers: the unit of the logarithm and ``std`` are the factor,
``mean``, ``input_scale`` and ``ref_power`` the term.  So the distance is the residual of the best such function.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from melcli.identify.observation import Observation

__all__ = ["Target", "affine_fit", "misfit"]

MIN_RELATIVE_POWER = 1e-13  # of the loudest: values below it are rounding in float32


class Target:
    """Some frames of the features, prepared for the fits of many bands at once.

    Parameters
    ----------
    seen : Observation
    """

    def __init__(self, seen: Observation) -> None:
        self._num_features = seen.num_features
        self._cepstral = seen.cepstral
        self._by_bin = seen.normalized != "no"
        self._factor_by_bin = seen.normalized == "std"
        weight, logs = seen.trusted.T, seen.logs.T
        if not self._by_bin:  # one row of all trusted values, as if it were one bin
            self._chosen = np.flatnonzero(weight)
            logs, weight = logs.reshape(1, -1)[:, self._chosen], np.ones((1, len(self._chosen)), bool)
        self._weight = weight.astype(np.float32)
        self._count = np.maximum(1.0, self._weight.sum(axis=-1, keepdims=True))
        self._centered = self._around_mean(np.where(weight, logs, 0.0)).astype(np.float32)
        self._size = max(float(np.square(self._centered).sum()), 1e-30)

    def misfits(self, mels: np.ndarray, offsets: np.ndarray) -> np.ndarray:
        """Return the residual of the features after the best affine functions of logarithms; see `affine_fit`.

        Parameters
        ----------
        mels : np.ndarray [shape=(bands, mels, frames)]
            Linear; written to.
        offsets : np.ndarray [shape=(bands,)]
            Added under the logarithm.

        Returns
        -------
        misfits : np.ndarray [shape=(bands,)]
            1 at most; a falling function counts as none.
        """
        mels += offsets[:, np.newaxis, np.newaxis]
        mels /= np.maximum(mels.max(axis=(1, 2), keepdims=True), np.finfo(np.float32).tiny)
        x = mels.astype(np.float32)
        np.maximum(x, np.float32(MIN_RELATIVE_POWER), out=x)
        np.log(x, out=x)
        if self._cepstral:
            x = _cosines(x.shape[1], self._num_features).T.astype(np.float32) @ x
        if not self._by_bin:
            x = x.reshape(len(x), 1, -1)[..., self._chosen]
        x = self._around_mean(x)
        xx, xy = np.einsum("ebt,ebt->eb", x, x), np.einsum("ebt,bt->eb", x, self._centered)
        if not self._factor_by_bin:
            xx, xy = xx.sum(axis=1, keepdims=True), xy.sum(axis=1, keepdims=True)
        factor = xy / np.maximum(xx, 1e-30)
        x *= factor[..., np.newaxis]
        x -= self._centered
        left = np.sqrt(np.einsum("ebt,ebt->e", x, x) / self._size)
        found: np.ndarray = np.where(factor.mean(axis=1) > 0, np.minimum(left, 1.0), 1.0)
        return found

    def _around_mean(self, values: np.ndarray) -> np.ndarray:
        """Return the trusted values less the mean of each bin, and 0 for the others."""
        values = values * self._weight if self._by_bin else values
        centered: np.ndarray = values - values.sum(axis=-1, keepdims=True) / self._count
        if self._by_bin:
            centered *= self._weight
        return centered


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
        Root mean square of the residual, in deviations of the features; 1 says nothing fits.
    """
    x = np.log(np.maximum(mel, MIN_RELATIVE_POWER * mel.max() + np.finfo(mel.dtype).tiny))
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
    """Return the residual after the best affine function of the logarithm; a falling one counts as none."""
    factor, _, left = affine_fit(mel, seen)
    return left if factor.mean() > 0 else 1.0
