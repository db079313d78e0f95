"""The clip that features are made of: speech, next to silence, silence and music, at any rate.

It begins and ends in the middle of sound, so that the padding can be told; the silence is long enough for a frame of
2048 samples to fit in, so that floors are reached.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile
import soxr

__all__ = ["make_clip"]

SAMPLES = Path(__file__).parents[3] / "sample_audio"
SPEECH = (SAMPLES / "speech" / "english.flac", 1.62)  # file, and the second at which it is entered
MUSIC = (SAMPLES / "music" / "night_train.ogg", 2.0)
PARTS = {"speech": 0.36, "faint": 0.16, "silence": 0.18, "music": 0.30}  # shares of the length
GAIN = 0.5  # so that a user's normalization to the peak changes something
FULL_SCALE = 32768  # of 16-bit samples
FAINT_LSB = 2  # noise of -2 .. 2: its mean power lies at -87 dB
MORE_SAMPLES = 150  # so that most strides leave more than half of themselves, and rounding of frames is seen


def make_clip(rate_hz: int, seconds: float) -> np.ndarray:
    """Make the clip at one rate, out of sample_audio: int16, ``(samples,)``.

    Music has all of its band at 44.1 kHz; the speech has nothing above 8 kHz.
    """
    samples = {part: round(share * seconds * rate_hz) for part, share in PARTS.items()}
    samples["music"] += MORE_SAMPLES
    faint = np.random.default_rng(3).integers(-FAINT_LSB, FAINT_LSB + 1, samples["faint"])
    parts = [
        _excerpt(*SPEECH, rate_hz, samples["speech"]),
        faint / FULL_SCALE,
        np.zeros(samples["silence"]),
        _excerpt(*MUSIC, rate_hz, samples["music"]),
    ]
    return np.round(np.concatenate(parts) * FULL_SCALE).astype(np.int16)


def _excerpt(path: Path, start_s: float, rate_hz: int, samples: int) -> np.ndarray:
    sound, native_hz = soundfile.read(path, always_2d=True)
    resampled = soxr.resample(sound.mean(axis=1), native_hz, rate_hz)
    start = round(start_s * rate_hz)
    return GAIN * resampled[start : start + samples]
