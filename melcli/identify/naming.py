"""The nearest named config, and the keys that the clip leaves undetermined."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from melcli.identify.limits import MAX_SAME_RESIDUAL, UNTOLD, with_usual_limits
from melcli.identify.refine import Difference, Settling
from melcli.identify.variations import varied
from melcli.mel.options import FeatureOptions

__all__ = ["Answer", "name"]

MAX_NAMED_CONFIGS = 6  # configs, those with the fewest other keys, that the found keys are brought to
PAIRS = (("log", "power_to_db"), ("padding", "pad_mode"), ("preemphasis", "preemphasis_mode"))


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
        options = brought[base]
        if set(_differing(options, known[base])) - set(UNTOLD):
            options = with_usual_limits(options, settling)
    difference = settling.difference(options)
    if difference is None:
        return None
    changed = {key: getattr(options, key) for key in _differing(options, known[base])}
    return Answer(base=base, changed=changed, options=options, difference=difference)


def _brought_to(config: FeatureOptions, options: FeatureOptions, settling: Settling) -> FeatureOptions:
    """Return the options with every key that allows it at the value of a config."""
    least = settling.distance(options) * 1.02 + MAX_SAME_RESIDUAL * 1e-2 * settling.range
    for keys in [*((key,) for key in _differing(options, config)), *PAIRS]:
        changed = varied(options, **{key: getattr(config, key) for key in keys})
        if changed is not None and settling.distance(changed) <= least:
            options = changed
    return options


def _differing(one: FeatureOptions, other: FeatureOptions) -> list[str]:
    return [key for key in _keys(one) if getattr(one, key) != getattr(other, key)]


def _keys(options: FeatureOptions) -> Iterator[str]:
    return (key for key in type(options).__slots__ if key != "compute_dtype")
