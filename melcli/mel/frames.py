"""From a signal to overlapping frames, without copying more than the padded signal."""

from __future__ import annotations

import numpy as np

from melcli.mel.options import FeatureOptions

__all__ = ["frame_signal", "num_frames"]


def num_frames(num_samples: int, options: FeatureOptions) -> int:
    """Count the frames of a centred signal: ``1 + (N + 2 (n // 2) - n) // S``, that is ``1 + N // S`` for even n."""
    half = options.fft_length // 2
    return 1 + (num_samples + 2 * half - options.fft_length) // options.sequence_stride


def frame_signal(signal: np.ndarray, options: FeatureOptions) -> np.ndarray:
    """Cut a signal into frames; frame ``t`` is centred on sample ``t * sequence_stride``.

    Both ends are mirrored around their last sample by ``fft_length // 2`` samples, again and again where the
    signal is shorter than that, as NumPy does.

    Parameters
    ----------
    signal : np.ndarray [shape=(samples,)]
        At least one sample.

    Returns
    -------
    frames : np.ndarray [shape=(frames, fft_length)]
        A read-only view.
    """
    padded = np.pad(signal, options.fft_length // 2, mode="reflect")
    return np.lib.stride_tricks.sliding_window_view(padded, options.fft_length)[:: options.sequence_stride]
