"""Mel scales: hertz to mels and back, elementwise, in float64."""

from __future__ import annotations

from typing import Literal

import numpy as np

__all__ = ["MelScale", "hertz_to_mel", "mel_to_hertz"]

MelScale = Literal["htk", "slaney"]

HTK_BREAK_HZ = 700.0  # below this the scale is close to linear
HTK_HIGH_Q = 1127.0  # 2595 / ln(10) rounded, as TensorFlow, Keras and Kaldi have it

# Slaney, Auditory Toolbox 2 (Interval Research, 1998): linear up to 1 kHz, then 27 mels for every factor of 6.4.
SLANEY_HZ_PER_MEL = 200.0 / 3
SLANEY_BREAK_HZ = 1000.0
SLANEY_BREAK_MEL = SLANEY_BREAK_HZ / SLANEY_HZ_PER_MEL
SLANEY_LOG_STEP = np.log(6.4) / 27.0


def hertz_to_mel(frequency_hz: np.ndarray | float, scale: MelScale = "htk") -> np.ndarray:
    """Convert hertz to mels.

    HTK's ``1127 ln(1 + f / 700)``; or Slaney's ``3 f / 200``, and from 1 kHz on ``15 + 27 ln(f / 1000) / ln 6.4``.
    """
    hertz = np.asarray(frequency_hz, dtype=np.float64)
    if scale == "htk":
        return HTK_HIGH_Q * np.log1p(hertz / HTK_BREAK_HZ)
    above = SLANEY_BREAK_MEL + np.log(np.maximum(hertz, SLANEY_BREAK_HZ) / SLANEY_BREAK_HZ) / SLANEY_LOG_STEP
    return np.where(hertz >= SLANEY_BREAK_HZ, above, hertz / SLANEY_HZ_PER_MEL)


def mel_to_hertz(mels: np.ndarray | float, scale: MelScale = "htk") -> np.ndarray:
    """Convert mels to hertz: the inverse of `hertz_to_mel`."""
    mels = np.asarray(mels, dtype=np.float64)
    if scale == "htk":
        return HTK_BREAK_HZ * np.expm1(mels / HTK_HIGH_Q)
    above = SLANEY_BREAK_HZ * np.exp(SLANEY_LOG_STEP * (mels - SLANEY_BREAK_MEL))
    return np.where(mels >= SLANEY_BREAK_MEL, above, SLANEY_HZ_PER_MEL * mels)
