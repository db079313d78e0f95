"""Analysis windows, in float64, as long as the FFT."""

from __future__ import annotations

import numpy as np

from melcli.mel.options import FeatureOptions

__all__ = ["analysis_window"]

# a0 of a0 - (1 - a0) cos(2 pi k / L): the raised cosines of Harris, Proc. IEEE 66 (1978), p. 51.
COSINE_OFFSET = {"hann": 0.5, "hamming": 0.54}


def analysis_window(options: FeatureOptions) -> np.ndarray:
    """Return the window that every frame is multiplied by.

    Returns
    -------
    window : np.ndarray [shape=(fft_length,)], float64
        A window shorter than the FFT has ``(fft_length - length) // 2`` zeros before it, the rest behind.
    """
    if options.window is None:
        # Keras on NumPy, JAX and TensorFlow spans the whole FFT here, whatever sequence_length says.
        return np.ones(options.fft_length)
    if isinstance(options.window, tuple):
        values = np.array(options.window)
    else:
        values = _periodic_cosine(COSINE_OFFSET[options.window], options.window_length)
    before = (options.fft_length - len(values)) // 2
    return np.pad(values, (before, options.fft_length - len(values) - before))


def _periodic_cosine(offset: float, length: int) -> np.ndarray:
    """Sample one period of ``offset - (1 - offset) cos`` at ``length`` points, the last one left out."""
    if length == 1:
        return np.ones(1)  # scipy.signal.get_window's convention, which Keras inherits
    return offset - (1 - offset) * np.cos(2 * np.pi * np.arange(length) / length)
