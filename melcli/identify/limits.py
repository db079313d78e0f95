"""Limits that the features of a clip do not reach: which values are stated, and which others would do as well."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from melcli.identify.common_values import LOG_OFFSETS, USUAL_MIN_POWERS, USUAL_TOP_DBS
from melcli.identify.refine import Settling
from melcli.identify.variations import varied
from melcli.mel.options import FeatureOptions

__all__ = ["MAX_SAME_RESIDUAL", "UNTOLD", "Untold", "untold", "with_usual_limits"]

MAX_SAME_RESIDUAL = 2e-5  # of the range: features so near each other are taken for the same
OTHER_USUAL_VALUES = {"log_offset": LOG_OFFSETS, "min_power": USUAL_MIN_POWERS, "top_db": USUAL_TOP_DBS}
# Keys that do nothing where the clip does not come to them; and with which logarithm and normalization they may matter.
UNTOLD = ("min_power", "log_offset", "top_db", "mag_floor", "mag_eps", "pad_mode", "window_periodic", "std_eps", "clip")
RISING = ("min_power", "log_offset", "mag_floor", "mag_eps", "std_eps")  # the larger one changes more features
PLAIN = FeatureOptions()


@dataclass(frozen=True, slots=True)
class Untold:
    """What the clips leave undetermined.

    Attributes
    ----------
    values : Mapping of str to list
        Keys, with the other usual values that give the same features.
    together : bool
        Whether they do so in any combination, one value of each key.
    one_is_reached : bool
        Whether the lowest limits of all keys at once do not: the features reach one of them, and it may be any.
    """

    values: Mapping[str, list[Any]]
    together: bool = True
    one_is_reached: bool = False


def untold(options: FeatureOptions, settling: Settling, known: Iterable[FeatureOptions], *, residual: float) -> Untold:
    """Return the keys that other usual values would do as well for, with these values.

    Parameters
    ----------
    options : FeatureOptions
    settling : Settling
        The view of the clips.
    known : iterable of FeatureOptions
        The named configs, whose values are usual ones.
    residual : float
        What the options leave, in parts of the range: other values may change as much.
    """
    known = list(known)
    enough = max(MAX_SAME_RESIDUAL, residual)
    told: dict[str, list[Any]] = {}
    for key in UNTOLD:
        usual = {getattr(other, key) for other in known} | {*OTHER_USUAL_VALUES.get(key, ())}
        for value in sorted(usual - {getattr(options, key)}, key=repr):
            changed = varied(options, **{key: value})
            if changed is None or _idle(key, changed):
                continue
            if _same_in_all(options, changed, settling, enough):
                told.setdefault(key, []).append(value)
    lowest, highest = _hold_together(options, told, settling, enough)
    return Untold(told, together=lowest and highest, one_is_reached=not lowest)


def with_usual_limits(options: FeatureOptions, settling: Settling) -> FeatureOptions:
    """Give limits that the features do not reach their usual values.

    They come from the named config that happens to be nearest, whose limits say nothing about another front end.  In
    runs 15 and 21 of the blind set, the next clip reached such limits, and the answer was wrong about it.  In dB, and
    wherever the loudest value is the reference, the usual values are those of Keras, librosa and torchaudio: decibels
    divided by a number are read as log10 as well.
    """
    keys = ["clip", "mag_floor", "mag_eps"]
    if options.power_to_db or options.ref_power == "max":
        keys += ["top_db", "min_power"]
    for key in keys:
        changed = varied(options, **{key: getattr(PLAIN, key)})
        if changed is not None and _same_in_all(options, changed, settling):
            options = changed
    return options


def _hold_together(
    options: FeatureOptions, told: Mapping[str, list[Any]], settling: Settling, enough: float
) -> tuple[bool, bool]:
    """Return whether the lowest limits of all keys at once give the same features, and whether the highest ones do."""
    if len(told) < 2:
        return True, True
    ranked = {key: _ranked(key, [*values, getattr(options, key)]) for key, values in told.items()}
    ends = (varied(options, **{key: values[end] for key, values in ranked.items()}) for end in (0, -1))
    lowest, highest = (
        changed is not None and _same_in_all(options, changed, settling, enough * len(told)) for changed in ends
    )
    return lowest, highest


def _ranked(key: str, values: list[Any]) -> list[Any]:
    """Return the values of a key from the one that changes least to the one that changes most."""
    if key in RISING:
        return sorted(values)
    if key == "top_db":
        return sorted(values, key=lambda depth_db: -math.inf if depth_db is None else -depth_db)
    return values


def _same_in_all(
    one: FeatureOptions, other: FeatureOptions, settling: Settling, enough: float = MAX_SAME_RESIDUAL
) -> bool:
    return all(_same(one, other, part, enough) for part in settling.parts)


def _same(one: FeatureOptions, other: FeatureOptions, settling: Settling, enough: float) -> bool:
    """Return whether two options give the same features of a clip, up to a share of the range."""
    made, changed = settling.features(one), settling.features(other)
    if made is None or changed is None:
        return False
    return bool(np.abs(changed - made).max() <= enough * np.ptp(made))


def _idle(key: str, options: FeatureOptions) -> bool:
    """Return whether a key has no effect on any clip, so that it is not reported."""
    if key in ("min_power", "log_offset", "top_db"):
        return options.logarithm is None
    if key == "pad_mode":
        return options.padding == "valid"
    if key == "window_periodic":
        return options.window is None or isinstance(options.window, tuple)
    return key == "std_eps" and not isinstance(options.std, str)
