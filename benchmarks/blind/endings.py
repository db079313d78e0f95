"""What people do with linear mels: logarithms, floors, scaling, lengths; each with the keys of a config that does it.

An ending takes linear mels ``(mels, frames)``, powers or magnitudes, and returns the features.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from benchmarks.blind.draws import Draw

__all__ = ["Ending", "drawn_ending", "in_db", "resized"]

NOTHING_BELOW = 1e-30  # a floor that no value reaches
AST_MEAN, AST_STD = -4.2677393, 4.5689974  # the constants of AST and of its relatives


class Ending(NamedTuple):
    """A function of linear mels, what it is called, and its keys; no keys where a config cannot do it."""

    name: str
    apply: Callable[[np.ndarray], np.ndarray]
    keys: dict[str, Any] | None
    why_not: str = ""


def in_db(mel: np.ndarray, *, ref: str | float = 1.0, floor: float = 1e-10, top_db: float | None = 80.0) -> np.ndarray:
    """Return decibels as `librosa.power_to_db` does, in the type of the mels."""
    level = 10 * np.log10(np.maximum(mel, floor))
    level -= 10 * np.log10(max(floor, float(mel.max()) if ref == "max" else float(ref)))
    return level if top_db is None else np.maximum(level, level.max() - top_db)


def drawn_ending(draw: Draw) -> Ending:
    """Draw a logarithm, and at times a normalization after it."""
    base = draw.any_of([(5, _decibels), (5, _logarithm), (1, _linear), (2, _of_one_plus)])(draw)
    if base.name == "linear" or draw.chance(0.55):
        return base
    return draw.any_of([(3, _standardized), (2, _by_band), (2, _scaled), (1, _min_max), (2, _constants)])(draw, base)


def _decibels(draw: Draw) -> Ending:
    ref, top_db = draw.one("max", 1.0), draw.one(80.0, 80.0, None, 60.0, 40.0)
    keys = {"power_to_db": True, "top_db": top_db, "ref_power": ref, "min_power": 1e-10}
    return Ending(f"dB ref={ref} top_db={top_db}", lambda mel: in_db(mel, ref=ref, top_db=top_db), keys)


def _logarithm(draw: Draw) -> Ending:
    log = draw.one("ln", "ln", "log10")
    apply = np.log if log == "ln" else np.log10
    keys: dict[str, Any] = {"power_to_db": False, "log": log, "top_db": None}
    if draw.chance(0.5):
        eps = draw.one(1e-10, 1e-9, 1e-8, 1e-6, 1e-6, 1e-5, 1e-3, 2.0**-23)
        keys |= {"log_offset": eps, "min_power": NOTHING_BELOW}
        return Ending(f"{log}(x + {eps:g})", lambda mel: apply(mel + np.asarray(eps, mel.dtype)), keys)
    floor = draw.one(1e-10, 1e-8, 1e-5, 1e-5, 1e-3)
    keys |= {"min_power": floor}
    return Ending(f"{log}(max(x, {floor:g}))", lambda mel: apply(np.maximum(mel, np.asarray(floor, mel.dtype))), keys)


def _of_one_plus(draw: Draw) -> Ending:
    log = draw.one("ln", "log10")
    keys: dict[str, Any] = {"power_to_db": False, "log": log, "top_db": None, "log_offset": 1.0, "min_power": 1e-30}
    return Ending(f"{log}(1 + x)", np.log1p if log == "ln" else lambda mel: np.log10(1 + mel), keys)


def _linear(draw: Draw) -> Ending:
    return Ending("linear", lambda mel: mel, {"power_to_db": False, "log": None, "top_db": None})


def _standardized(draw: Draw, base: Ending) -> Ending:
    ddof = draw.one(0, 1)
    return Ending(
        f"{base.name}, standardized as a whole, ddof={ddof}",
        lambda mel: (lambda x: (x - x.mean()) / x.std(ddof=ddof))(base.apply(mel)),
        None if base.keys is None else base.keys | {"mean": "all", "std": "all", "std_ddof": ddof},
    )


def _by_band(draw: Draw, base: Ending) -> Ending:
    if draw.chance(0.5):
        return Ending(
            f"{base.name}, mean of each band removed",
            lambda mel: (lambda x: x - x.mean(axis=1, keepdims=True))(base.apply(mel)),
            None if base.keys is None else base.keys | {"mean": "bin"},
        )
    ddof = draw.one(0, 1)
    return Ending(
        f"{base.name}, each band standardized, ddof={ddof}",
        lambda mel: (lambda x: (x - x.mean(axis=1, keepdims=True)) / (x.std(axis=1, keepdims=True, ddof=ddof) + 1e-5))(
            base.apply(mel)
        ),
        None if base.keys is None else base.keys | {"mean": "bin", "std": "bin", "std_ddof": ddof, "std_eps": 1e-5},
    )


def _scaled(draw: Draw, base: Ending) -> Ending:
    keys = {"power_to_db": True, "top_db": 80.0, "ref_power": "max", "min_power": 1e-10}
    if draw.chance(0.5):
        return Ending("(dB of max + 80) / 80", lambda mel: (in_db(mel, ref="max") + 80) / 80, keys | _affine(-80, 80))
    return Ending("(dB of max + 40) / 40", lambda mel: (in_db(mel, ref="max") + 40) / 40, keys | _affine(-40, 40))


def _min_max(draw: Draw, base: Ending) -> Ending:
    low, high = draw.one((0.0, 1.0), (-1.0, 1.0))
    return Ending(
        f"{base.name}, min-max to [{low:g}, {high:g}]",
        lambda mel: (lambda x: low + (high - low) * (x - x.min()) / (x.max() - x.min()))(base.apply(mel)),
        None,
        "min-max of each file is in no config",
    )


def _constants(draw: Draw, base: Ending) -> Ending:
    mean, std = draw.any_of(
        [
            (1, (AST_MEAN, 2 * AST_STD)),
            (2, (float(draw.one(-5, -4, -20, -30, 0)), float(draw.one(2, 4, 5, 20)))),
            (1, (draw.number(-9, -2, 4), draw.number(2, 6, 4))),
        ]
    )
    keys = None if base.keys is None else base.keys | _affine(mean, std)
    return Ending(f"({base.name} - {mean}) / {std}", lambda mel: (base.apply(mel) - mean) / std, keys, base.why_not)


def _affine(mean: float, std: float) -> dict[str, Any]:
    return {"mean": float(mean), "std": float(std)}


def resized(features: np.ndarray, num_frames: int) -> np.ndarray:
    """Cut frames, or append frames of zeros."""
    cut = features[:, :num_frames]
    return np.pad(cut, ((0, 0), (0, num_frames - cut.shape[1])))
