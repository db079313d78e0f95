"""What is done to a whole signal before it is cut into frames."""

from __future__ import annotations

import numpy as np

from melcli.mel.options import FeatureOptions

__all__ = ["fit_length", "preemphasise", "prepare_signal"]


def prepare_signal(signal: np.ndarray, options: FeatureOptions) -> np.ndarray:
    """Scale a signal, bring it to its length and pre-emphasise it.

    Parameters
    ----------
    signal : np.ndarray [shape=(samples,)]
        At least one sample; not written to.

    Returns
    -------
    prepared : np.ndarray [shape=(samples,)], same type
        May be empty, or the signal itself where nothing is to be done.
    """
    if options.input_scale != 1.0:
        signal = signal * signal.dtype.type(options.input_scale)
    if options.num_samples is not None:
        signal = fit_length(signal, options.num_samples)
    if options.pad_end:
        signal = fit_length(signal, max(0, len(signal) + options.pad_end))
    if options.preemphasis and options.preemphasis_mode != "frame":
        signal = preemphasise(signal, options.preemphasis, keep_first=options.preemphasis_mode == "signal")
    return signal


def fit_length(signal: np.ndarray, num_samples: int) -> np.ndarray:
    """Cut a signal, or append zeros to it."""
    return np.pad(signal[:num_samples], (0, max(0, num_samples - len(signal))))


def preemphasise(signal: np.ndarray, factor: float, *, keep_first: bool) -> np.ndarray:
    """Return ``y[t] = x[t] - factor x[t-1]``, a high pass; the first sample stays as it is, or goes.

    Parameters
    ----------
    signal : np.ndarray [shape=(samples,)]
    factor : float
        From 0 to 1; 0.97 nearly everywhere.
    keep_first : bool
        NeMo and Coqui keep it; PaSST and EfficientAT, which convolve without padding, do not have it.

    Returns
    -------
    emphasised : np.ndarray [shape=(samples,) or (samples - 1,)], same type
    """
    emphasised: np.ndarray = signal[1:] - signal.dtype.type(factor) * signal[:-1]
    return np.concatenate([signal[:1], emphasised]) if keep_first else emphasised
