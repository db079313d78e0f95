"""Analysis windows, in float64."""

from __future__ import annotations

import numpy as np

from melcli.mel.options import FeatureOptions

__all__ = ["analysis_window"]

# Coefficients a of a[0] - a[1] cos(2 pi k / D) + a[2] cos(4 pi k / D): Harris, Proc. IEEE 66 (1978), p. 51.
COSINES = {"hann": (0.5, 0.5, 0.0), "hamming": (0.54, 0.46, 0.0), "blackman": (0.42, 0.5, 0.08)}
POVEY_EXPONENT = 0.85  # of a Hann window: Kaldi, feat/feature-window.cc


def analysis_window(options: FeatureOptions) -> np.ndarray:
    """Return the window by which every frame is multiplied.

    The period D of its cosines is its length, or one sample less if ``window_periodic`` is false.

    Returns
    -------
    window : np.ndarray [shape=(frame_length,)], float64
    """
    length = options.frame_length
    if options.window is None:
        return np.ones(length)
    if isinstance(options.window, tuple):
        return np.array(options.window)
    if length == 1:
        return np.ones(1)  # scipy.signal.get_window's convention, which Keras inherits
    angles = 2 * np.pi * np.arange(length) / (length if options.window_periodic else length - 1)
    if options.window == "povey":
        return _cosines("hann", angles) ** POVEY_EXPONENT
    return _cosines(options.window, angles)


def _cosines(name: str, angles: np.ndarray) -> np.ndarray:
    constant, first, second = COSINES[name]
    window: np.ndarray = constant - first * np.cos(angles) + second * np.cos(2 * angles)
    return window
