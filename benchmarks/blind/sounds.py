"""Clips for the blind test: pairs of one kind, so that the second one shows what the first one could not.

Every generator takes a rate, a length and a random generator, and returns samples from -1 to 1, ``(samples,)``.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile
import soxr

__all__ = ["KINDS", "Maker", "digits"]

Maker = Callable[[int, float, np.random.Generator], np.ndarray]

SAMPLES = Path(__file__).parents[2] / "sample_audio"
FORMANTS_HZ = ((730, 1090, 2440), (270, 2290, 3010), (300, 870, 2240), (530, 1840, 2480), (570, 840, 2410))
LEVEL_DB = (-30.0, -3.0)  # of a clip's peak below full scale


def excerpt(folder: str) -> Maker:
    """Return a maker of excerpts from a folder of sample_audio, of several files where one is too short."""

    def make(rate_hz: int, seconds: float, rng: np.random.Generator) -> np.ndarray:
        paths = sorted(path for path in (SAMPLES / folder).iterdir() if path.suffix != ".md")
        samples = round(seconds * rate_hz)
        sound = np.zeros(0)
        while len(sound) < samples:
            part, native_hz = soundfile.read(rng.choice(paths), always_2d=True)
            sound = np.concatenate([sound, soxr.resample(part.mean(axis=1), native_hz, rate_hz)])
        start = int(rng.integers(0, len(sound) - samples + 1))
        return sound[start : start + samples]

    return make


def digits(folder: Path) -> Maker:
    """Return a maker of spoken digits, one after another with pauses, from a folder of WAV files at 8 kHz."""
    paths = sorted(folder.glob("*.wav"))
    if not paths:  # otherwise every draw of this kind would be drawn again, as what a package refuses
        raise SystemExit(f"{folder} has no WAV files")

    def make(rate_hz: int, seconds: float, rng: np.random.Generator) -> np.ndarray:
        parts: list[np.ndarray] = []
        while sum(map(len, parts)) < seconds * rate_hz:
            sound, native_hz = soundfile.read(rng.choice(paths))
            pause = rng.normal(0, 2e-5 if rng.random() < 0.5 else 0.0, round(rng.uniform(0.05, 0.3) * rate_hz))
            parts += [soxr.resample(sound, native_hz, rate_hz), pause]
        return np.concatenate(parts)[: round(seconds * rate_hz)]

    return make


def speech_like(rate_hz: int, seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Voiced and unvoiced syllables with moving formants, and pauses, over faint room noise."""
    parts: list[np.ndarray] = []
    pitch_hz = rng.uniform(90, 240)
    while sum(map(len, parts)) < seconds * rate_hz:
        samples = round(rng.uniform(0.08, 0.35) * rate_hz)
        time_s = np.arange(samples) / rate_hz
        if rng.random() < 0.2:
            parts.append(np.zeros(samples))
            continue
        first, last = (np.array(FORMANTS_HZ[rng.integers(len(FORMANTS_HZ))], float) for _ in range(2))
        fall = pitch_hz * (1 + rng.uniform(-0.2, 0.2) * time_s / time_s[-1])
        phase = 2 * np.pi * np.cumsum(fall) / rate_hz
        sound = np.zeros(samples)
        if rng.random() < 0.75:
            for harmonic in range(1, int(min(5000, 0.45 * rate_hz) / pitch_hz)):
                hz = harmonic * pitch_hz
                formants = first + (last - first) * (time_s / time_s[-1])[:, None]
                gain = (1.0 / (1 + ((hz - formants) / 90.0) ** 2)).sum(axis=1)
                sound += gain * np.sin(harmonic * phase) / harmonic
        else:
            sound = np.diff(rng.normal(0, 0.3, samples + 1))
        parts.append(sound * np.hanning(samples) ** 0.3)
    sound = np.concatenate(parts)[: round(seconds * rate_hz)]
    return sound + rng.normal(0, 10 ** (rng.uniform(-90, -50) / 20), len(sound))


def music_like(rate_hz: int, seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Chords of decaying partials on a beat, with a hiss of percussion."""
    sound = np.zeros(round(seconds * rate_hz))
    step_s = rng.uniform(0.15, 0.4)
    for beat in np.arange(0, seconds, step_s):
        start = round(beat * rate_hz)
        time_s = np.arange(min(len(sound) - start, 2 * rate_hz)) / rate_hz
        for _ in range(rng.integers(1, 4)):
            base_hz = 55 * 2 ** (rng.integers(0, 48) / 12)
            for partial in range(1, 12):
                if partial * base_hz < 0.45 * rate_hz:
                    decay = np.exp(-time_s * (2 + partial) * rng.uniform(0.8, 1.2)) / partial
                    sound[start : start + len(time_s)] += decay * np.sin(2 * np.pi * partial * base_hz * time_s)
        hiss = rng.normal(0, 0.3, len(time_s)) * np.exp(-time_s * 40)
        sound[start : start + len(time_s)] += hiss
    return sound


def noise(rate_hz: int, seconds: float, rng: np.random.Generator) -> np.ndarray:
    """A scene of noise of falling spectrum, whose level moves, with events in it."""
    samples = round(seconds * rate_hz)
    spectrum = np.fft.rfft(rng.normal(0, 1, samples))
    spectrum /= np.maximum(1, np.arange(len(spectrum))) ** rng.uniform(0.2, 0.6)
    sound = np.fft.irfft(spectrum, samples)
    sound /= sound.std()
    moving = np.interp(np.arange(samples), np.linspace(0, samples, 12), 10 ** rng.uniform(-2.5, 0, 12))
    for _ in range(4):
        start = rng.integers(0, samples - samples // 8)
        time_s = np.arange(samples // 8) / rate_hz
        chirp = np.sin(2 * np.pi * (rng.uniform(200, 2000) + rng.uniform(-500, 2000) * time_s) * time_s)
        sound[start : start + len(time_s)] += 2 * chirp * np.hanning(len(time_s))
    return sound * moving


KINDS: dict[str, Maker] = {
    "recorded speech": excerpt("speech"),
    "recorded music": excerpt("music"),
    "speech-like": speech_like,
    "music-like": music_like,
    "noise": noise,
}
