"""The nearest named config, and the keys that the clip leaves undetermined."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from melcli.identify.common_values import LOG_OFFSETS, USUAL_MIN_POWERS, USUAL_TOP_DBS
from melcli.identify.refine import Difference, Settling
from melcli.identify.variations import varied
from melcli.mel.options import FeatureOptions

__all__ = ["Answer", "name", "untold"]

MAX_SAME_RESIDUAL = 2e-5  # of the range: features so near each other are taken for the same
MAX_NAMED_CONFIGS = 6  # configs, those with the fewest other keys, that the found keys are brought to
OTHER_USUAL_VALUES = {"log_offset": LOG_OFFSETS, "min_power": USUAL_MIN_POWERS, "top_db": USUAL_TOP_DBS}
PAIRS = (("log", "power_to_db"), ("padding", "pad_mode"), ("preemphasis", "preemphasis_mode"))

# Keys that do nothing where the clip does not come to them; and with which logarithm and normalization they may matter.
UNTOLD = ("min_power", "log_offset", "top_db", "mag_floor", "mag_eps", "pad_mode", "window_periodic", "std_eps", "clip")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Options that may have made the features, told by the named config that they are nearest to.

    Attributes
    ----------
    base : str
        The named config.
    changed : Mapping
        The keys in which they differ from it, with their values.
    options : FeatureOptions
    difference : Difference
        From the features.
    """

    base: str
    changed: Mapping[str, Any]
    options: FeatureOptions
    difference: Difference


def name(
    options: FeatureOptions, settling: Settling, known: Mapping[str, FeatureOptions], *, base: str | None = None
) -> Answer | None:
    """Tell options by a named config and as few other keys as the features allow.

    Parameters
    ----------
    options : FeatureOptions
    settling : Settling
        Which tells what a key changes.
    known : Mapping of str to FeatureOptions
        Named configs.
    base : str, optional
        The config that the options came from, and by which they are told; by default the nearest one.

    Returns
    -------
    answer : Answer or None
        None where the options do not give features of this shape.
    """
    if base is None:
        likely = sorted(known, key=lambda config: len(_differing(options, known[config])))[:MAX_NAMED_CONFIGS]
        brought = {config: _brought_to(known[config], options, settling) for config in likely}
        base = min(brought, key=lambda config: len(_differing(brought[config], known[config])))
        options = _with_usual_limits(brought[base], settling, known[base])
    difference = settling.difference(options)
    if difference is None:
        return None
    changed = {key: getattr(options, key) for key in _differing(options, known[base])}
    return Answer(base=base, changed=changed, options=options, difference=difference)


def untold(answer: Answer, settling: Settling, known: Mapping[str, FeatureOptions]) -> dict[str, list[Any]]:
    """Return the keys that other usual values would do as well for, with these values."""
    told: dict[str, list[Any]] = {}
    for key in UNTOLD:
        usual = {getattr(options, key) for options in known.values()} | {*OTHER_USUAL_VALUES.get(key, ())}
        for value in sorted(usual - {getattr(answer.options, key)}, key=repr):
            changed = varied(answer.options, **{key: value})
            if changed is None or _idle(key, changed):
                continue
            if _same_in_all(answer.options, changed, settling, max(MAX_SAME_RESIDUAL, answer.difference.relative)):
                told.setdefault(key, []).append(value)
    return told


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


def _brought_to(config: FeatureOptions, options: FeatureOptions, settling: Settling) -> FeatureOptions:
    """Return the options with every key that allows it at the value of a config."""
    least = settling.distance(options) * 1.02 + MAX_SAME_RESIDUAL * 1e-2 * settling.range
    for keys in [*((key,) for key in _differing(options, config)), *PAIRS]:
        changed = varied(options, **{key: getattr(config, key) for key in keys})
        if changed is not None and settling.distance(changed) <= least:
            options = changed
    return options


def _with_usual_limits(options: FeatureOptions, settling: Settling, config: FeatureOptions) -> FeatureOptions:
    """Give limits that the features do not reach their usual values, unless the options are the config itself.

    They come from the config that happens to be nearest.  In run 15 of the blind set the next clip reached such a clip
    and floor, and the answer was wrong about it.  In dB, the usual values are those of Keras, librosa and torchaudio.
    """
    if not set(_differing(options, config)) - set(UNTOLD):
        return options
    usual = FeatureOptions()
    for key in ("clip", "top_db", "min_power") if options.power_to_db else ("clip",):
        changed = varied(options, **{key: getattr(usual, key)})
        if changed is not None and _same_in_all(options, changed, settling):
            options = changed
    return options


def _same_in_all(
    one: FeatureOptions, other: FeatureOptions, settling: Settling, enough: float = MAX_SAME_RESIDUAL
) -> bool:
    return all(_same(one, other, part, enough) for part in settling.parts)


def _differing(one: FeatureOptions, other: FeatureOptions) -> list[str]:
    return [key for key in _keys(one) if getattr(one, key) != getattr(other, key)]


def _keys(options: FeatureOptions) -> Iterator[str]:
    return (key for key in type(options).__slots__ if key != "compute_dtype")
