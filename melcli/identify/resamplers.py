"""Resamplers that features may have come through.

The others are windowed sincs, computed as their packages do it, as far as that decides the numbers: torchaudio's
default, SciPy's ``resample_poly``, and the two Kaiser filters of resampy that librosa offers.  Noise of 8 to
48 kHz comes within 2e-6 to 2e-3 of full scale of theirs.  They tell a user what made the features; a config cannot ask
for them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np

__all__ = ["EXPRESSIBLE", "FOREIGN", "Sinc", "resample"]

EXPRESSIBLE: tuple[Literal["soxr_vhq", "soxr_mq", "polyphase"], ...] = ("soxr_vhq", "soxr_mq", "polyphase")
MAX_PHASES = 4096  # filters that are computed for one ratio


class Sinc(NamedTuple):
    """A windowed sinc.

    Attributes
    ----------
    zeros : int
        Zero crossings on each side.
    rolloff : float
        Cutoff, in parts of the lower Nyquist frequency.
    window : callable
        Of the distance from the middle, 1 at the end.
    """

    zeros: int
    rolloff: float
    window: Callable[[np.ndarray], np.ndarray]


def _hann(distance: np.ndarray) -> np.ndarray:
    weights: np.ndarray = np.cos(np.pi * distance / 2) ** 2
    return weights


def _kaiser(beta: float) -> Callable[[np.ndarray], np.ndarray]:
    return lambda distance: np.i0(beta * np.sqrt(np.maximum(0.0, 1 - distance**2))) / np.i0(beta)


FOREIGN = {
    "torchaudio's sinc resampler": Sinc(6, 0.99, _hann),
    "SciPy's resample_poly, librosa's polyphase": Sinc(10, 1.0, _kaiser(5.0)),
    "resampy's and librosa's kaiser_best": Sinc(50, 0.9173473712608761, _kaiser(12.9846)),
    "resampy's and librosa's kaiser_fast": Sinc(24, 0.8682120388377784, _kaiser(9.90322)),
}


def resample(signal: np.ndarray, source_hz: int, target_hz: int, sinc: Sinc) -> np.ndarray | None:
    """Resample a signal.

    Parameters
    ----------
    signal : np.ndarray [shape=(samples,)]
    source_hz, target_hz : int
    sinc : Sinc

    Returns
    -------
    resampled : np.ndarray [shape=(ceil(samples * target / source),)], same type, or None
        None for ratios of large terms.
    """
    common = math.gcd(source_hz, target_hz)
    source, target = source_hz // common, target_hz // common
    if target > MAX_PHASES:
        return None
    # Resampy and torchaudio count zero crossings of the sinc that rolls off, SciPy of one that does not: rolloff is 1.
    cutoff = min(1.0, target / source) * (sinc.rolloff if sinc.window is _hann else 1.0)
    reach = math.ceil(sinc.zeros / cutoff)
    length = -(-len(signal) * target // source)
    padded = np.pad(signal.astype(np.float64), (reach, reach + source))
    resampled = np.zeros(length)
    taps = np.arange(-reach, reach + 2)
    for phase in range(min(target, length)):
        middle, rest = divmod(phase * source, target)
        distance = (taps - rest / target) * cutoff
        inside = np.clip(distance / sinc.zeros, -1.0, 1.0)
        roll = 1.0 if sinc.window is _hann else sinc.rolloff
        kernel = np.sinc(distance * roll) * roll * sinc.window(inside) * cutoff * (np.abs(inside) < 1)
        starts = np.arange(middle, middle + source * len(range(phase, length, target)), source)
        windows = np.lib.stride_tricks.sliding_window_view(padded, len(taps))
        starts = starts[starts < len(windows)]
        resampled[phase : phase + target * len(starts) : target] = windows[starts] @ kernel
    return resampled.astype(signal.dtype)
