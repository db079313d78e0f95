"""Mel scales: convert hertz to mels and back, in float64.

The functions for one number do not need NumPy, which a command that computes no features does not load.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np

__all__ = ["MelScale", "hertz_to_mel", "mel_to_hertz", "one_hertz_to_mel", "one_mel_to_hertz"]

MelScale = Literal["htk", "slaney"]

HTK_BREAK_HZ = 700.0  # the scale is close to linear below
HTK_HIGH_Q = 1127.0  # 2595 / ln(10) rounded, as in TensorFlow, Keras and Kaldi

# Slaney, Auditory Toolbox 2 (Interval Research, 1998): linear up to 1 kHz, then 27 mels for every factor of 6.4.
SLANEY_HZ_PER_MEL = 200.0 / 3
SLANEY_BREAK_HZ = 1000.0
SLANEY_BREAK_MEL = SLANEY_BREAK_HZ / SLANEY_HZ_PER_MEL
SLANEY_LOG_STEP = math.log(6.4) / 27.0


def hertz_to_mel(frequency_hz: np.ndarray | float, scale: MelScale = "htk") -> np.ndarray:
    """Convert hertz to mels, elementwise.

    HTK's ``1127 ln(1 + f / 700)``; or Slaney's ``3 f / 200``, and from 1 kHz on ``15 + 27 ln(f / 1000) / ln 6.4``.
    """
    import numpy as np

    hertz = np.asarray(frequency_hz, dtype=np.float64)
    if scale == "htk":
        return HTK_HIGH_Q * np.log1p(hertz / HTK_BREAK_HZ)
    above = SLANEY_BREAK_MEL + np.log(np.maximum(hertz, SLANEY_BREAK_HZ) / SLANEY_BREAK_HZ) / SLANEY_LOG_STEP
    return np.where(hertz >= SLANEY_BREAK_HZ, above, hertz / SLANEY_HZ_PER_MEL)


def mel_to_hertz(mels: np.ndarray | float, scale: MelScale = "htk") -> np.ndarray:
    """Convert mels to hertz, elementwise: the inverse of `hertz_to_mel`."""
    import numpy as np

    mels = np.asarray(mels, dtype=np.float64)
    if scale == "htk":
        return HTK_BREAK_HZ * np.expm1(mels / HTK_HIGH_Q)
    above = SLANEY_BREAK_HZ * np.exp(SLANEY_LOG_STEP * (mels - SLANEY_BREAK_MEL))
    return np.where(mels >= SLANEY_BREAK_MEL, above, SLANEY_HZ_PER_MEL * mels)


def one_hertz_to_mel(frequency_hz: float, scale: MelScale = "htk") -> float:
    """Convert one frequency to mels, like `hertz_to_mel`."""
    if scale == "htk":
        return HTK_HIGH_Q * math.log1p(frequency_hz / HTK_BREAK_HZ)
    if frequency_hz < SLANEY_BREAK_HZ:
        return frequency_hz / SLANEY_HZ_PER_MEL
    return SLANEY_BREAK_MEL + math.log(frequency_hz / SLANEY_BREAK_HZ) / SLANEY_LOG_STEP


def one_mel_to_hertz(mels: float, scale: MelScale = "htk") -> float:
    """Convert one number of mels to hertz, like `mel_to_hertz`."""
    if scale == "htk":
        return HTK_BREAK_HZ * math.expm1(mels / HTK_HIGH_Q)
    if mels < SLANEY_BREAK_MEL:
        return SLANEY_HZ_PER_MEL * mels
    return SLANEY_BREAK_HZ * math.exp(SLANEY_LOG_STEP * (mels - SLANEY_BREAK_MEL))
