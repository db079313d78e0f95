"""Logarithm, floor and normalisation, worked out from the features and the linear mels that they were made of."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from melcli.identify.likeness import affine_fit
from melcli.identify.observation import Observation
from melcli.mel.levels import UNITS_PER_NEPER
from melcli.mel.options import FeatureOptions

__all__ = ["level_keys", "plain_number"]

NEAR = 2e-3  # how near a fitted number has to be to a usual one to be taken for it
FIT = 2e-4  # how near a fit of float32 features comes, relative
LEAST = 1e-37  # a floor that nothing reaches, and float32 still holds
FITTED = ("std", "mean", "input_scale", "log_offset", "min_power", "top_db")
SCALES = (1.0, 32_768.0, 100.0)  # full scale 1, 16-bit integers, Essentia's MusiCNN


@dataclass(frozen=True, slots=True)
class Line:
    """``logs = factor ln(mel) + term``: what relates features to linear mels."""

    factor: float
    term: float


def level_keys(
    seen: Observation, mel: np.ndarray, options: FeatureOptions, known: Iterable[FeatureOptions]
) -> list[dict[str, Any]]:
    """Return what may have come after the filters, as keys of a config, the plainest first.

    The real core decides between them; of several that give the same numbers the first is meant.

    Parameters
    ----------
    seen : Observation
    mel : np.ndarray [shape=(frames, mels)]
        Linear mels by ``options`` at full scale 1.
    options : FeatureOptions
        How ``mel`` was made.
    known : iterable of FeatureOptions
        The named configs, whose floors and normalisations are usual ones.
    """
    known = list(known)
    frames = seen.telling_frames(seen.num_frames)  # none at the ends, where the padding may be another
    frames = frames[frames < len(mel)]
    factor, term, _ = affine_fit(mel[frames] + options.log_offset, seen.of(frames))
    line = Line(float(np.median(factor)), float(np.median(term)))
    if seen.linear:
        return list(_linear(line, options.mag_exp))
    candidates = [
        {**keys, **floor}
        for keys in _normalisations(seen, line, options.mag_exp, known)
        for floor in _floors(seen, line, keys, options, known)
    ]
    usual = {key: {getattr(option, key) for option in known} for key in FITTED}
    return sorted(candidates, key=lambda keys: sum(_digits(keys[key], usual[key]) for key in FITTED if key in keys))


def _linear(line: Line, mag_exp: float) -> Iterator[dict[str, Any]]:
    keys = {"power_to_db": False, "log": None, "top_db": None}
    gain = math.exp(line.term)
    yield {**keys, "input_scale": 1.0, "std": 1.0}
    for scale in SCALES[1:]:
        if abs(gain / scale**mag_exp - 1) < NEAR:
            yield {**keys, "input_scale": scale, "std": 1.0}
    yield {**keys, "input_scale": 1.0, "std": plain_number(1 / gain)}


def _normalisations(
    seen: Observation, line: Line, mag_exp: float, known: list[FeatureOptions]
) -> Iterator[dict[str, Any]]:
    """Yield logarithms with the mean and deviation that explain the line, the plainest first."""
    if seen.normalised != "no":
        for logarithm in ("ln", "log10", "db"):
            yield from _by_bin(seen, logarithm, line)
        return
    values = seen.values
    if abs(values.mean()) < NEAR * values.std() and abs(values.std() - 1) < NEAR:
        for ddof in (1, 0):
            for logarithm in ("db", "ln", "log10"):
                yield {**_logarithm(logarithm), "mean": "all", "std": "all", "std_ddof": ddof, "input_scale": 1.0}
    pairs = {(1.0, 0.0), *((o.std, o.mean) for o in known if isinstance(o.std, float) and isinstance(o.mean, float))}
    for logarithm, unit in UNITS_PER_NEPER.items():
        exact = unit / line.factor
        stds = sorted({std for std, _ in pairs if abs(exact / std - 1) < NEAR}, key=lambda std: std != 1.0)
        for std in stds or [plain_number(exact)]:
            for scale in SCALES:
                gained = line.term - line.factor * mag_exp * math.log(scale)
                mean = -gained * std
                usual = [m for s, m in pairs if s == std and abs(m - mean) < NEAR * max(std, 1e-3 * unit)]
                keys = {**_logarithm(logarithm), "std": std, "input_scale": scale}
                if usual:
                    yield {**keys, "mean": usual[0]}
                elif scale == 1.0:
                    if abs(values.max()) < NEAR * values.std():
                        yield {**keys, "mean": 0.0, "ref_power": "max"}
                    yield {**keys, "mean": plain_number(mean)}


def _by_bin(seen: Observation, logarithm: str, line: Line) -> Iterator[dict[str, Any]]:
    keys = {**_logarithm(logarithm), "mean": "bin"}
    if seen.normalised == "mean":
        std = UNITS_PER_NEPER[logarithm] / line.factor
        for scale in SCALES[:2]:
            yield {**keys, "std": 1.0 if abs(std - 1) < NEAR else plain_number(std), "input_scale": scale}
        return
    for ddof, eps in ((1, 1e-5), (0, 1e-5), (1, 0.0), (0, 0.0)):
        for scale in SCALES[:2]:
            yield {**keys, "std": "bin", "std_ddof": ddof, "std_eps": eps, "input_scale": scale}


def _logarithm(logarithm: str) -> dict[str, Any]:
    return {"power_to_db": True, "log": None} if logarithm == "db" else {"power_to_db": False, "log": logarithm}


def _floors(
    seen: Observation, line: Line, keys: dict[str, Any], options: FeatureOptions, known: list[FeatureOptions]
) -> Iterator[dict[str, Any]]:
    """Yield floors: none, what the lowest value says, and those of the named configs."""
    gain = keys["input_scale"] ** options.mag_exp
    found = options.log_offset * gain
    floors: list[tuple[float, float, float | None]] = [(found, LEAST, None), (0.0, LEAST, None)]
    if seen.normalised == "no" and isinstance(keys["std"], float):
        depth = (seen.values.max() - seen.values.min()) / line.factor
        value = plain_number(math.exp((seen.values.min() - line.term) / line.factor) * gain)
        depth_db = plain_number(depth * UNITS_PER_NEPER["db"])
        floors += [(found, LEAST, depth_db), (0.0, LEAST, depth_db)]
        floors += [(0.0, max(LEAST, value), None), (value, LEAST, None)]
    named = {(o.log_offset, o.min_power, o.top_db) for o in known if o.logarithm is not None}
    for offset, floor, top_db in [*floors, *sorted(named, key=repr)]:
        yield {"log_offset": offset, "min_power": floor, "top_db": top_db}


def _digits(value: Any, usual: set[Any]) -> int:
    """Count the digits of a fitted number; what a named config has, or nothing reaches, counts as none."""
    if value in usual or value == LEAST or not isinstance(value, float):
        return 0
    return len(f"{value:.6e}".partition("e")[0].replace(".", "").rstrip("0")) + 1


def plain_number(value: float) -> float:
    """Return the plainest number that is as near as a fit can tell: two digits, a power of two, or three digits."""
    if value == 0 or not math.isfinite(value):
        return 0.0
    power = math.copysign(2.0 ** round(math.log2(abs(value))), value)
    for plain in (float(f"{value:.0e}"), float(f"{value:.1e}"), power, float(f"{value:.2e}")):
        if abs(plain / value - 1) < FIT:
            return plain
    return float(f"{value:.6g}")
