"""The signals of the goldens: how they were made, and how a case names what it takes of them.

They are stored once, as 16-bit integers in signals.npz, so every float32 sample is exact.  A case is written as a
name with an optional number of samples, ``speech:1599``; names joined by ``+`` are the rows of a batch.
"""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["FILE", "case_signal", "front_end_clip", "load_signals", "make_signals"]

FILE = Path(__file__).parent / "signals.npz"
FULL_SCALE = 32768  # of 16-bit samples
RATE_HZ = 16_000
ESPEAK_RATE_HZ = 22_050
WAV_HEADER_BYTES = 44  # what espeak-ng writes there of the length is not true on a pipe
ESPEAK = ("espeak-ng", "-v", "en+f3", "-s", "165", "--stdout", "Six sharp chips")  # 1.51 made what is stored
SPEECH_SAMPLES = 9600
SPEECH_STARTS_AT = 1600  # after so many samples of true silence
SHORT_SAMPLES = 4000  # of every other signal


@cache
def load_signals() -> dict[str, np.ndarray]:
    """Read all signals as float32, full scale +-1; they cannot be written to."""
    with np.load(FILE) as stored:
        signals = {name: stored[name].astype(np.float32) / FULL_SCALE for name in stored.files}
    for signal in signals.values():
        signal.flags.writeable = False
    return signals


def case_signal(case: str, signals: dict[str, np.ndarray]) -> np.ndarray:
    """Return what a case names: ``(samples,)``, or ``(batch, samples)`` where names are joined by ``+``."""
    names, _, samples = case.partition(":")
    rows = [signals[name][: int(samples) if samples else None] for name in names.split("+")]
    return rows[0] if len(rows) == 1 else np.stack(rows)


def front_end_clip(samples: int | None = None) -> np.ndarray:
    """Return the clip of the front ends: speech, noise at -80 dB, true silence with an impulse in it, a chord.

    0.76 s at 16 kHz, put together from the other signals; a front end of another rate takes the same samples as its
    own.  Noise and silence are each longer than the longest window of 2048 samples.  Both ends are loud and uneven, so
    that it shows how a front end goes on beyond them.  Every sample is a 16-bit integer over 32768.
    """
    signals = load_signals()
    speech = signals["speech"][2400 : 2400 + 4480]
    noise = np.round(signals["noise"][:2080] * (1e-3 * FULL_SCALE)) / FULL_SCALE  # rms 1e-4 of full scale
    impulse = np.zeros(3400)
    impulse[2600] = 0.5
    clip = np.concatenate([speech, noise, impulse, signals["tones"][:2200]]).astype(np.float32)
    return clip[:samples]


def make_signals() -> dict[str, Any]:
    """Make all signals again; speech comes from espeak-ng, so another version of it gives another signal."""
    speech = _speech()
    random = np.random.default_rng(2)
    impulse = np.zeros(SHORT_SAMPLES)
    impulse[1777] = 1.0
    signals = {
        "speech": speech,
        "clipped": np.clip(12.0 * speech, -1.0, 1.0)[2000 : 2000 + SHORT_SAMPLES],
        "tones": _tones(),
        "noise": 0.1 * random.standard_normal(SHORT_SAMPLES),
        "faint": random.integers(-2, 3, SHORT_SAMPLES) / FULL_SCALE,
        "impulse": impulse,
        "silence": np.zeros(SHORT_SAMPLES),
    }
    rounded = {name: np.round(signal * FULL_SCALE) for name, signal in signals.items()}
    return {name: np.clip(levels, -FULL_SCALE, FULL_SCALE - 1).astype(np.int16) for name, levels in rounded.items()}


def _speech() -> np.ndarray:
    from scipy.signal import resample_poly

    said = subprocess.run(ESPEAK, check=True, capture_output=True).stdout
    samples = np.frombuffer(said[WAV_HEADER_BYTES:], dtype="<i2")
    speech = resample_poly(samples / FULL_SCALE, RATE_HZ, ESPEAK_RATE_HZ)
    silence = np.zeros(SPEECH_STARTS_AT)
    return np.concatenate([silence, speech])[:SPEECH_SAMPLES]


def _tones() -> np.ndarray:
    """Strike a decaying chord and cut it off: loud and narrow lines, deep valleys, then true silence."""
    time_s = np.arange(SHORT_SAMPLES) / RATE_HZ
    partials = [np.sin(2 * np.pi * hertz * time_s) / hertz for hertz in (220.0, 277.2, 659.3, 1318.5, 3520.0)]
    chord = np.sum(partials, axis=0) * np.exp(-6.0 * time_s)
    chord[3000:] = 0.0
    scaled: np.ndarray = 0.7 * chord / np.abs(chord).max()
    return scaled
