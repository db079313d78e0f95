"""Decide whether an answer to a case of `tests.golden.identify_cases` is right.

A key is right if it equals the one that made the features; a number must be within 1e-3.  Other keys may be equivalent,
such as ``std: 0.5`` of decibels and ``std: 0.05`` of log10, and some have no effect on a given clip, such as a floor
that no value reaches.  So keys that differ are judged by their effect: with them instead of the true ones, the core
must give the same features.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, fields, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from melcli.audio.load import load_audio
from melcli.audio.options import AudioOptions
from melcli.mel.options import FeatureOptions
from melcli.mel.spectrogram import MelSpectrogram

__all__ = ["FOLDER", "Known", "made_by", "read_cases", "tolerance", "wrong_keys"]

FOLDER = Path(__file__).parents[1] / "golden" / "identify"
SAME_NUMBER = 1e-3  # relative
SAME_FEATURES = 2e-5  # of their range: the rounding of the packages' own float32 arithmetic
HALF_PRECISION = 2.0**-11  # relative error of rounding to float16


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A case: an audio file, the features that a package made from it, and the equivalent options."""

    name: str
    audio: Path
    features: np.ndarray
    options: FeatureOptions
    untold: tuple[str, ...]


def read_cases(folder: Path) -> dict[str, Known]:
    """Read the output of `tests.golden.identify_cases`, packed or not."""
    packed = folder / "features.npz"
    arrays = dict(np.load(packed)) if packed.exists() else {}
    return {
        case["name"]: Known(
            name=case["name"],
            audio=folder / case["audio"],
            features=arrays[case["name"]] if arrays else np.load(folder / f"{case['name']}.npy"),
            options=_options(case["options"]),
            untold=tuple(case["untold"]),
        )
        for case in json.loads((folder / "cases.json").read_text())["cases"]
    }


def wrong_keys(case: Known, found: FeatureOptions) -> list[str]:
    """Return the keys of an answer that are wrong."""
    different = [
        key.name
        for key in fields(FeatureOptions)
        if key.name not in (*case.untold, "compute_dtype")
        and not _same(key.name, getattr(found, key.name), getattr(case.options, key.name), found)
    ]
    if not different:
        return []
    exchanged = replace(case.options, **{key: getattr(found, key) for key in different})
    true, other = made_by(case.options, case.audio), made_by(exchanged, case.audio)
    same = true.shape == other.shape and np.abs(true - other).max() <= tolerance(case.features)
    return [] if same else different


def made_by(options: FeatureOptions, audio: Path) -> np.ndarray:
    """Compute features of a file, in float64."""
    signal = _signal(audio, options.sampling_rate)
    keys = {key.name: getattr(options, key.name) for key in fields(options)} | {"compute_dtype": "float64"}
    return MelSpectrogram(**keys)(signal)


def tolerance(features: np.ndarray) -> float:
    """Return the difference above which features count as different."""
    exact = features.astype(np.float64)
    rounding = HALF_PRECISION * np.abs(exact).max() if features.dtype == np.float16 else 0.0
    return float(max(SAME_FEATURES * np.ptp(exact), rounding))


def _options(plain: dict[str, Any]) -> FeatureOptions:
    keys: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in plain.items()}
    return FeatureOptions(**keys)


def _same(key: str, one: Any, other: Any, found: FeatureOptions) -> bool:
    if type(one) not in (int, float) or type(other) not in (int, float):
        return bool(one == other)
    size = found.std if key == "mean" and isinstance(found.std, float) else abs(other)
    return abs(one - other) <= SAME_NUMBER * size


@cache
def _signal(audio: Path, rate_hz: int) -> np.ndarray:
    return load_audio(str(audio), AudioOptions(), sampling_rate=rate_hz, dtype="float64").signals[0]
