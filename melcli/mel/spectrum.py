"""The spectrum of windowed frames."""

from __future__ import annotations

import numpy as np

from melcli.mel.fft import real_fft
from melcli.mel.options import FeatureOptions

__all__ = ["magnitude_spectrum", "numpy_version"]


def magnitude_spectrum(frames: np.ndarray, options: FeatureOptions, *, out: np.ndarray | None = None) -> np.ndarray:
    """Return ``sqrt(max(|rfft(frames)|**2, mag_floor) + mag_eps) ** mag_exp``.

    The floor is used by ESPnet for speech synthesis, the addend by HiFi-GAN and VITS: both keep the gradient of the
    square root finite.

    Parameters
    ----------
    frames : np.ndarray [shape=(frames, fft_length)], float32 or float64
        Windowed; computed in this type, which both numpy.fft and scipy.fft support since NumPy 2.
    out : np.ndarray [shape=(frames, fft_length // 2 + 1)], same type, optional
        Receives the result.

    Returns
    -------
    spectrum : np.ndarray [shape=(frames, fft_length // 2 + 1)], same type
        ``out`` if given.
    """
    # Square in place on the interleaved real and imaginary parts: np.abs would take a square root (hypot)
    # that mag_exp=2 undoes, at twice the cost of the FFT.
    parts: np.ndarray = real_fft()(frames).view(frames.dtype)
    np.square(parts, out=parts)
    spectrum: np.ndarray = np.add(parts[:, ::2], parts[:, 1::2], out=out)
    if options.mag_floor:
        np.maximum(spectrum, options.mag_floor, out=spectrum)
    if options.mag_eps:
        spectrum += spectrum.dtype.type(options.mag_eps)
    if options.mag_exp == 1:
        np.sqrt(spectrum, out=spectrum)
    elif options.mag_exp != 2:
        np.power(spectrum, spectrum.dtype.type(options.mag_exp / 2), out=spectrum)
    return spectrum


def numpy_version() -> str:
    """Return the version of NumPy."""
    return str(np.__version__)
