"""Reasons why an answer that fits these clips may not fit the next one."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from melcli.identify.knowable import is_knowable
from melcli.identify.levels import gains
from melcli.identify.limits import Untold
from melcli.identify.refine import Settling
from melcli.mel.log_compression import UNITS_PER_NEPER
from melcli.mel.options import FeatureOptions

__all__ = ["doubts", "is_of_each_range"]

CONSTANTS = ("mean", "std", "input_scale", "ref_power", "log_offset", "min_power", "top_db", "mag_floor", "mag_eps")
RANGES = ((0.0, 1.0), (-1.0, 1.0), (0.0, 255.0))
END_TOLERANCE = 1e-5  # of the range: how near its ends values are to count as scaled to it
PEAKS = (1.0, 0.99, 0.95, 0.9, 0.5)  # that people scale samples to
MAX_PEAK_ERROR = 1e-3  # of a peak
MIN_SHARE_AT_FLOOR = 0.05  # of all values: if this many are at a floor, the next clip reaches it too


def doubts(
    options: FeatureOptions, view: Settling, known: Iterable[FeatureOptions], left: Untold | None = None
) -> tuple[str, ...]:
    """Say which numbers of an answer may be those of the one clip that it was found by, and what else they may mean.

    Parameters
    ----------
    options : FeatureOptions
    view : Settling
        Of the one clip.
    known : iterable of FeatureOptions
        The named configs, whose numbers are known without any clip.
    left : Untold, optional
        What the clip leaves undetermined.

    Returns
    -------
    doubts : tuple of str
        Clauses without a stop; none where every number could be known.
    """
    odd = _odd(options, known)
    said = []
    values = view.seen.values
    if is_of_each_range(values, options) and (odd or _share_at_floor(values) < MIN_SHARE_AT_FLOOR):
        said.append(
            f"the values reach from {_number(values.min())} to {_number(values.max())} exactly, as after min-max "
            "scaling of each file, which no config has; the mean and std below are right for this "
            "file alone"
        )
        odd = [key for key in odd if key not in ("mean", "std", "min_power", "top_db")]
    peak = _peak(options, view) if "mean" in odd or "std" in odd or "input_scale" in odd else None
    if peak is not None:
        said.append(
            f"the samples of this file were scaled to a peak of {_number(peak)}, which no config has; other files need "
            "another mean"
        )
        odd = [key for key in odd if key not in ("mean", "std", "input_scale", "min_power", "log_offset")]
    if odd:
        written = ", ".join(f"{key}={_number(getattr(options, key))}" for key in odd)
        said.append(f"{written}: constants of a data set, or {_of_the_file(odd)}")
    if left is not None and left.one_is_reached:
        said.append(f"{', '.join(left.values)}: the features reach one of these limits, and the clip cannot tell which")
    return tuple(said)


def is_of_each_range(values: np.ndarray, options: FeatureOptions) -> bool:
    """Return whether min-max scaling of the file gives such values: they reach both ends of a usual range."""
    low, high = float(values.min()), float(values.max())
    slack = END_TOLERANCE * (high - low)
    clipped = options.clip is not None and any(abs(end - low) < slack for end in options.clip)
    if isinstance(options.std, str) or clipped:
        return False
    return any(abs(low - start) <= slack and abs(high - end) <= slack for start, end in RANGES)


def _odd(options: FeatureOptions, known: Iterable[FeatureOptions]) -> list[str]:
    """Return the keys whose numbers nobody could know without the clip."""
    known = list(known)
    scales = gains(options)
    odd = []
    for key in CONSTANTS:
        usual: set[Any] = {getattr(option, key) for option in known} | scales | {scale**2 for scale in scales}
        value = getattr(options, key)
        numbers: Sequence[Any] = value if isinstance(value, tuple) and value not in usual else (value,)
        if not all(is_knowable(number, [one for one in usual if isinstance(one, float)]) for number in numbers):
            odd.append(key)
    return odd


def _share_at_floor(values: np.ndarray) -> float:
    return float(np.mean(values <= values.min() + END_TOLERANCE * np.ptp(values)))


def _peak(options: FeatureOptions, view: Settling) -> float | None:
    """Return the peak that the samples were scaled to, if the level shows one."""
    loudest = float(np.abs(view.clip.at(options.sampling_rate)).max())
    if options.logarithm is None:
        gain = (options.input_scale**options.mag_exp / options.std) if isinstance(options.std, float) else 1.0
        scale = gain ** (1 / options.mag_exp)
    elif isinstance(options.mean, float):
        unit = UNITS_PER_NEPER[options.logarithm]
        scale = options.input_scale * math.exp(-options.mean / (unit * options.mag_exp))
    else:
        return None
    return next((peak for peak in PEAKS if abs(scale * loudest / peak - 1) < MAX_PEAK_ERROR), None)


def _of_the_file(odd: Sequence[str]) -> str:
    if "mean" in odd or "std" in odd:
        return "a statistic of this file, such as its mean, its peak or its loudest level"
    if "min_power" in odd or "top_db" in odd:
        return "a floor that depends on this file, such as one below its loudest level"
    return "a scale that depends on this file"


def _number(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
