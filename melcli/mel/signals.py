"""Process the signal before framing, block by block."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from melcli.mel.options import FeatureOptions

__all__ = ["SignalStream", "as_signal", "fit_length", "preemphasize", "prepare_signal"]


def as_signal(signal: ArrayLike, dtype: str) -> np.ndarray:
    """Convert samples to the type of the computation.

    Raises
    ------
    ValueError
        They are complex, or not numbers.
    """
    samples = np.asarray(signal)
    if np.iscomplexobj(samples):  # NumPy would drop the imaginary part with only a warning
        raise ValueError(f"signal is {samples.dtype}, and samples are real numbers; pass signal.real, or abs(signal)")
    return samples.astype(dtype, copy=False)


def prepare_signal(signal: np.ndarray, options: FeatureOptions) -> np.ndarray:
    """Scale a signal, truncate or pad it, and apply pre-emphasis.

    Parameters
    ----------
    signal : np.ndarray [shape=(samples,)]
        At least one sample; not modified.

    Returns
    -------
    prepared : np.ndarray [shape=(samples,)], same type
        May be empty, or the signal itself if no step changes it.
    """
    return SignalStream(options).push(signal, last=True)


class SignalStream:
    """Prepares a signal that is passed in blocks; the result does not depend on the division into blocks."""

    def __init__(self, options: FeatureOptions) -> None:
        self._options = options
        self._num_taken = 0  # samples so far, of num_samples
        self._held = np.empty(0, dtype=options.compute_dtype)  # the last samples, which a negative pad_end may drop
        self._previous: np.ndarray | None = None  # the last sample, for pre-emphasis

    def push(self, block: np.ndarray, *, last: bool) -> np.ndarray:
        """Add the next samples and return those that are ready.

        Parameters
        ----------
        block : np.ndarray [shape=(samples,)]
            May be empty; not modified.
        last : bool
            Whether the signal ends with this block.

        Returns
        -------
        prepared : np.ndarray [shape=(samples,)], same type
        """
        options = self._options
        if options.input_scale != 1.0:
            block = block * block.dtype.type(options.input_scale)
        if options.num_samples is not None:
            missing = options.num_samples - self._num_taken
            block = fit_length(block, missing) if last else block[:missing]
            self._num_taken += len(block)
        if options.pad_end > 0 and last:
            block = fit_length(block, len(block) + options.pad_end)
        if options.pad_end < 0:
            block = self._delay(block, -options.pad_end)
        if options.preemphasis and options.preemphasis_mode != "frame":
            block = self._emphasize(block)
        return block

    def _delay(self, block: np.ndarray, num_samples: int) -> np.ndarray:
        """Delay the last samples until more follow; at the end of the signal they are dropped."""
        whole = np.concatenate([self._held, block]) if len(self._held) else block
        ready = max(0, len(whole) - num_samples)
        self._held = whole[ready:]
        return whole[:ready]

    def _emphasize(self, block: np.ndarray) -> np.ndarray:
        if not len(block):
            return block
        options, previous = self._options, self._previous
        self._previous = block[-1:]
        if previous is not None:
            return preemphasize(np.concatenate([previous, block]), options.preemphasis, keep_first=False)
        return preemphasize(block, options.preemphasis, keep_first=options.preemphasis_mode == "signal")


def fit_length(signal: np.ndarray, num_samples: int) -> np.ndarray:
    """Truncate a signal, or append zeros."""
    return np.pad(signal[:num_samples], (0, max(0, num_samples - len(signal))))


def preemphasize(signal: np.ndarray, factor: float, *, keep_first: bool) -> np.ndarray:
    """Return ``y[t] = x[t] - factor x[t-1]``, a high pass; the first sample is kept unchanged or dropped.

    Parameters
    ----------
    signal : np.ndarray [shape=(samples,)]
    factor : float
        From 0 to 1; usually 0.97.
    keep_first : bool
        NeMo and Coqui keep the first sample; PaSST and EfficientAT, which convolve without padding, drop it.

    Returns
    -------
    emphasized : np.ndarray [shape=(samples,) or (samples - 1,)], same type
    """
    emphasized: np.ndarray = signal[1:] - signal.dtype.type(factor) * signal[:-1]
    return np.concatenate([signal[:1], emphasized]) if keep_first else emphasized
