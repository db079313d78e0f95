"""Measure melcli against Keras over random settings, signals and filters: the figures of docs/parity.md.

python -m tests.golden.random_settings [SETTINGS]

It needs keras and jax, whose NumPy backend it runs; see README.md in this folder.
"""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any

import numpy as np

from melcli.mel.filters import linear_to_mel_weight_matrix
from melcli.mel.spectrogram import MelSpectrogram

__all__ = ["main"]

Array = np.ndarray[Any, Any]
SETTINGS = 1000
FILTERBANKS = 9000
LIMIT_DB = 2e-3
RATES_HZ = (8000, 11025, 16000, 22050, 24000, 32000, 44100, 48000, 96000)


def main() -> None:
    """Print both measurements."""
    os.environ["KERAS_BACKEND"] = "numpy"
    keras = importlib.import_module("keras")  # late, and only here: the tests do without it

    rng = np.random.default_rng(1)
    layer = keras.layers.MelSpectrogram()
    compare_filters(layer, rng, narrow=False)
    compare_filters(layer, rng, narrow=True)
    compare_levels(keras.layers.MelSpectrogram, rng, int(sys.argv[1]) if len(sys.argv) > 1 else SETTINGS)


def compare_filters(layer: Any, rng: np.random.Generator, *, narrow: bool) -> None:
    """Print the largest difference of weights, for usual bands or for bands down to 1 Hz."""
    differences = []
    for _ in range(FILTERBANKS):
        rate_hz = int(rng.choice(RATES_HZ))
        low_hz = float(rng.uniform(0, rate_hz / (4 if narrow else 16)))
        arguments: dict[str, Any] = {
            "num_mel_bins": int(rng.integers(2, 257)),
            "num_spectrogram_bins": int(2 ** rng.uniform(6, 13)) // 2 + 1,
            "sampling_rate": rate_hz,
            "lower_edge_hertz": low_hz,
            "upper_edge_hertz": float(rng.uniform(low_hz + 1 if narrow else rate_hz / 4, rate_hz / 2)),
        }
        theirs = np.asarray(layer.linear_to_mel_weight_matrix(**arguments))
        differences.append(float(np.abs(theirs - linear_to_mel_weight_matrix(**arguments)).max()))
    kind = "bands from 1 Hz" if narrow else "bands of three sixteenths of the rate or more"
    print(f"weights, {kind}: median {np.median(differences):.1e}, at most {max(differences):.1e}")


def compare_levels(keras_layer: Any, rng: np.random.Generator, count: int) -> None:
    """Print in how many settings the levels are near those of Keras, and where Keras itself stands in the others."""
    total, far = {True: 0, False: 0}, []
    while sum(total.values()) < count:
        keys, samples = random_keys(rng), random_signal(rng)
        theirs = np.asarray(keras_layer(**keys)(samples))
        ours = np.asarray(MelSpectrogram(**keys)(samples))
        is_usual = keys["top_db"] <= 80
        total[is_usual] += 1
        if distance(theirs, ours) > LIMIT_DB:
            exact = np.asarray(MelSpectrogram(**keys, compute_dtype="float64")(samples.astype(np.float64)))
            far.append((is_usual, distance(theirs, ours), distance(theirs, exact), distance(ours, exact)))
    for is_usual, name in ((True, "top_db of 20 and 80"), (False, "top_db of 120 and 200")):
        some = [one[1:] for one in far if one[0] is is_usual]
        near = total[is_usual] - len(some)
        print(
            f"levels, {name}: {near} of {total[is_usual]} settings within {LIMIT_DB:g} dB; of the "
            f"others, at most {max(one[0] for one in some):.1e} dB; Keras is beyond {LIMIT_DB:g} dB of float64 in "
            f"{sum(one[1] > LIMIT_DB for one in some)} of {len(some)}, melcli nearer to it in "
            f"{sum(one[2] < one[1] for one in some)}"
        )


def distance(one: Array, other: Array) -> float:
    """Return the 99.9th percentile of the absolute differences."""
    return float(np.quantile(np.abs(one - other), 0.999))


def random_keys(rng: np.random.Generator) -> dict[str, Any]:
    """Draw values of all keys of Keras that change numbers."""
    fft_length = int(rng.choice([64, 127, 128, 255, 256, 400, 511, 512, 1024, 2048]))
    keys: dict[str, Any] = {
        "fft_length": fft_length,
        "sequence_stride": max(16, int(rng.integers(1, fft_length // 2 + 1))),
        "window": [None, "hann", "hamming"][rng.integers(3)],
        "sampling_rate": int(rng.choice([8000, 16000, 22050, 44100])),
        "num_mel_bins": int(rng.integers(4, 129)),
        "top_db": float(rng.choice([20, 80, 120, 200])),
        "mag_exp": float(rng.choice([1, 1.5, 2])),
        "min_power": float(rng.choice([1e-12, 1e-10, 1e-5])),
        "ref_power": float(rng.choice([0.1, 1])),
        "min_freq": float(rng.choice([0, 20, 100])),
    }
    if rng.random() < 0.3:
        keys["sequence_length"] = int(rng.integers(fft_length // 2, fft_length + 1))
    return keys


def random_signal(rng: np.random.Generator) -> Array:
    """Draw noise, a chord that dies away, noise of two bits, an impulse, or bursts after silence."""
    length, kind = int(rng.integers(4000, 24_000)), rng.integers(5)
    seconds = np.arange(length) / 16_000
    noise = rng.standard_normal(length)
    if kind == 0:
        samples = noise * 10 ** rng.uniform(-4, 0)
    elif kind == 1:
        tones = [np.sin(2 * np.pi * hertz * seconds) for hertz in rng.uniform(60, 4000, 3)]
        samples = 0.3 * np.sum(tones, axis=0) * np.exp(-rng.uniform(0, 8) * seconds)
    elif kind == 2:
        samples = np.round(2 * noise) / 32768
    elif kind == 3:
        samples = np.zeros(length)
        samples[length // 2] = 1
    else:
        samples = np.clip(noise * np.abs(np.sin(3 * seconds)), -0.5, 0.5)
        samples[: length // 3] = 0
    return samples.astype(np.float32)


if __name__ == "__main__":
    main()
