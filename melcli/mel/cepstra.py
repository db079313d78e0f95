"""Cepstral coefficients (MFCC) from log mels."""

from __future__ import annotations

from typing import Literal

import numpy as np

__all__ = ["cepstra", "lifter"]


def cepstra(
    levels: np.ndarray, num_ceps: int, *, norm: Literal["ortho", "none"] = "ortho", cepstral_lifter: float = 0.0
) -> np.ndarray:
    """Return the first coefficients of the cosine transform (DCT-II) of each frame's M levels.

    ``c[i] = f[i] sum over m of level[m] cos(pi i (m + 1/2) / M)``, as in Davis and Mermelstein, IEEE Trans. ASSP 28
    (1980), eq. (1), where f is 1.  Here f is ``sqrt(2 / M)``, and ``sqrt(1 / M)`` for i = 0; or 2 for all i.

    Parameters
    ----------
    levels : np.ndarray [shape=(..., mels, frames)]
        Logarithms of mel powers.
    num_ceps : int
        Number of coefficients, from coefficient 0.
    norm : "ortho" or "none"
        Orthonormal, as in Kaldi and librosa; or twice the sum, without a factor.
    cepstral_lifter : float
        See `lifter`; 0 for none.

    Returns
    -------
    coefficients : np.ndarray [shape=(..., num_ceps, frames)], same type
    """
    import scipy.fft  # takes 0.2 s, so it is imported only here

    transformed = scipy.fft.dct(levels, type=2, axis=-2, norm="ortho" if norm == "ortho" else None)
    coefficients = np.ascontiguousarray(transformed[..., :num_ceps, :])
    if cepstral_lifter:
        coefficients *= lifter(num_ceps, cepstral_lifter)[:, np.newaxis]
    return coefficients


def lifter(num_ceps: int, cepstral_lifter: float) -> np.ndarray:
    """Return ``1 + Q/2 sin(pi i / Q)`` for coefficient i from 0 on, where Q is ``cepstral_lifter``.

    The HTK Book 3.4, eq. (5.12); Kaldi's default Q is 22.  librosa's lifter differs: it counts i from 1.
    """
    factors: np.ndarray = 1.0 + cepstral_lifter / 2 * np.sin(np.pi * np.arange(num_ceps) / cepstral_lifter)
    return factors
