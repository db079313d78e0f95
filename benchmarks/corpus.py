"""Corpora for the benchmarks: synthetic speech, seeded, made once and kept.

Silence or white noise would tell lies: FLAC packs the one to nothing and the other not at all, and decoding costs
accordingly.  This is a row of syllables, voiced ones as pulses through four formants, unvoiced ones as noise through
one, over a faint noise, with pauses; FLAC packs it about as well as it packs recorded speech.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile
from scipy.signal import sosfilt

__all__ = ["digits", "hour", "linked", "long_file", "minutes", "speech", "stereo_speech"]

VERSION = 1  # raise it when a corpus changes, so that kept ones are made again
NOISE_LEVEL = 6e-4  # of full scale: -64 dB
PEAK = 0.5
FORMANTS_HZ = ((730, 1090, 2440), (270, 2290, 3010), (300, 870, 2240), (530, 1840, 2480), (570, 840, 2410))
BANDWIDTHS_HZ = (80, 100, 140, 250)
FOURTH_FORMANT_HZ = 3500


def speech(duration_s: float, sampling_rate: int, *, seed: int) -> np.ndarray:
    """Return synthetic speech, ``(samples,)`` in float32; the same for the same seed."""
    rng = np.random.default_rng(seed)
    num_samples = round(duration_s * sampling_rate)
    signal = NOISE_LEVEL * rng.standard_normal(num_samples)
    pitch_hz, start = rng.uniform(90, 220), 0
    while start < num_samples:
        length = min(round(rng.uniform(0.08, 0.26) * sampling_rate), num_samples - start)
        kind = rng.choice(3, p=(0.68, 0.17, 0.15))
        if kind == 0:
            sound = _voiced(length, sampling_rate, pitch_hz * 2 ** rng.normal(0, 0.12), rng)
        else:
            sound = _unvoiced(length, sampling_rate, rng)
        if kind < 2:
            signal[start : start + length] += sound * np.hanning(length) * PEAK * rng.uniform(0.3, 1.0)
        start += length  # the third kind is a pause
    return np.clip(signal, -1.0, 1.0).astype(np.float32)


def stereo_speech(duration_s: float, sampling_rate: int, *, seed: int) -> np.ndarray:
    """Return one voice a little to the left and another to the right, ``(samples, 2)`` in float32."""
    voices = np.stack([speech(duration_s, sampling_rate, seed=2 * seed + voice) for voice in range(2)], axis=1)
    return voices @ np.array([[0.7, 0.3], [0.35, 0.65]], dtype=np.float32)


def _voiced(length: int, sampling_rate: int, pitch_hz: float, rng: np.random.Generator) -> np.ndarray:
    glide = pitch_hz * np.linspace(1.0, rng.uniform(0.85, 1.15), length)
    phase = np.cumsum(glide / sampling_rate)
    pulses = np.diff(np.floor(phase), prepend=0.0) + 0.02 * rng.standard_normal(length)
    formants_hz = np.array(FORMANTS_HZ[rng.integers(len(FORMANTS_HZ))]) * rng.uniform(0.9, 1.15)
    return _normalized(sosfilt(_resonators([*formants_hz, FOURTH_FORMANT_HZ], BANDWIDTHS_HZ, sampling_rate), pulses))


def _unvoiced(length: int, sampling_rate: int, rng: np.random.Generator) -> np.ndarray:
    center_hz = min(rng.uniform(2500, 6500), 0.42 * sampling_rate)
    return 0.3 * _normalized(sosfilt(_resonators([center_hz], [900], sampling_rate), rng.standard_normal(length)))


def _resonators(centers_hz: list[float], bandwidths_hz: tuple[int, ...] | list[int], sampling_rate: int) -> np.ndarray:
    """Return two-pole resonators as second-order sections; those above the band are left out."""
    rows = []
    for center_hz, bandwidth_hz in zip(centers_hz, bandwidths_hz, strict=True):
        if center_hz < 0.47 * sampling_rate:
            radius = np.exp(-np.pi * bandwidth_hz / sampling_rate)
            turn = 2.0 * np.pi * center_hz / sampling_rate
            rows.append([1.0, 0.0, 0.0, 1.0, -2.0 * radius * np.cos(turn), radius**2])
    return np.array(rows)


def _normalized(sound: np.ndarray) -> np.ndarray:
    peak = float(np.abs(sound).max())
    return sound / peak if peak > 0.0 else sound


def hour(data: Path, num_files: int = 360) -> Path:
    """Return a folder of ten-second FLAC files, 16 kHz mono: an hour."""

    def write(folder: Path) -> None:
        for number in range(num_files):
            soundfile.write(folder / f"{number:05}.flac", speech(10.0, 16_000, seed=number), 16_000)

    return _kept(data / f"hour-{num_files}", write)


def minutes(data: Path, num_files: int = 33) -> Path:
    """Return a folder of files of a minute, 44.1 kHz stereo: WAV, FLAC and MP3 in turn."""

    def write(folder: Path) -> None:
        for number in range(num_files):
            ending = ("wav", "flac", "mp3")[number % 3]
            soundfile.write(folder / f"{number:05}.{ending}", stereo_speech(60.0, 44_100, seed=number), 44_100)

    return _kept(data / f"minutes-{num_files}", write)


def digits(data: Path, num_files: int = 3000) -> Path:
    """Return a folder of WAV files of about half a second, 8 kHz mono."""

    def write(folder: Path) -> None:
        for number in range(num_files):
            duration_s = float(np.random.default_rng(number).uniform(0.2, 0.8))
            soundfile.write(folder / f"{number:05}.wav", speech(duration_s, 8_000, seed=number), 8_000)

    return _kept(data / f"digits-{num_files}", write)


def long_file(data: Path, *, duration_h: float, sampling_rate: int, num_channels: int) -> Path:
    """Return one long FLAC file; it is written a minute at a time, of five minutes at changing levels."""

    def write(folder: Path) -> None:
        if num_channels == 1:
            parts = [speech(60.0, sampling_rate, seed=seed)[:, np.newaxis] for seed in range(5)]
        else:
            parts = [stereo_speech(60.0, sampling_rate, seed=seed) for seed in range(5)]
        rng = np.random.default_rng(0)
        with soundfile.SoundFile(folder / "long.flac", "w", sampling_rate, num_channels) as file:
            for number in range(round(60 * duration_h)):
                file.write(parts[number % len(parts)] * np.float32(rng.uniform(0.3, 0.9)))

    return _kept(data / f"long-{duration_h:g}h-{sampling_rate}-{num_channels}", write) / "long.flac"


def linked(data: Path, name: str, source: Path, num_files: int) -> Path:
    """Return a folder of hard links to the files of another, under other names, a thousand to a folder.

    Where the disk has no hard links, or no more for one file, they are copies.
    """
    sources = sorted(path for path in source.iterdir() if path.suffix != ".json")

    def write(folder: Path) -> None:
        for number in range(num_files):
            original = sources[number % len(sources)]
            target = folder / f"{number // 1000:03}" / f"{number:06}{original.suffix}"
            target.parent.mkdir(exist_ok=True)
            try:
                os.link(original, target)
            except OSError:
                shutil.copyfile(original, target)

    return _kept(data / f"{name}-{num_files}", write)


def _kept(folder: Path, write: Callable[[Path], None]) -> Path:
    """Return a folder that a former run has finished, or make it; the mark of the finished is written last."""
    mark = folder.with_name(f"{folder.name}.json")
    state = json.dumps({"version": VERSION})
    if not (mark.exists() and mark.read_text(encoding="utf-8") == state and folder.is_dir()):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        write(folder)
        mark.write_text(state, encoding="utf-8")
    return folder
