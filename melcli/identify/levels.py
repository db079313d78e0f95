"""Logarithm, floor and normalization, computed from the features and their linear mels."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from melcli.identify.common_values import LOG_OFFSETS, USUAL_TOP_DBS
from melcli.identify.knowable import is_knowable, significant_digits
from melcli.identify.observation import Observation
from melcli.identify.residual import affine_fit
from melcli.mel.log_compression import UNITS_PER_NEPER
from melcli.mel.options import FeatureOptions
from melcli.mel.windows import analysis_window

__all__ = ["gains", "level_keys", "plain_number"]

MAX_NUMBER_ERROR = 2e-3  # how near a fitted number has to be to a usual one to be taken for it
MAX_FIT_ERROR = 2e-4  # how near a fit of float32 features comes, relative
MIN_FIT_ERROR = 1e-6  # how near a fit comes at best
MAX_FLOOR_ERROR = 0.02  # how near a fitted floor has to be to a usual one to be tried as it: narrow types round it
MAX_TOP_DB_ERROR_DB = 0.1
FLOOR_TOLERANCE = 1e-6  # of the range: values this near the lowest one stand at a floor
MIN_VALUES_AT_FLOOR = 2  # values in one bin, or in all of them together
MAX_FLOOR_POWER_SPREAD = 1e-3  # relative, of the lowest powers of the bins that stand at one floor
MIN_SHARE_OF_BINS = 0.5  # that have the same lowest power, one value of each
MIN_QUIET_VALUES, MAX_OFFSET_SPREAD = 8, 0.05  # values that tell an offset, and how far they may lie apart, relative
MAX_OFFSET_ERROR = 5e-3  # of an offset: it is told by few values, and usual ones lie far apart
NUM_OFFSET_ROUNDS = 3
MAX_OFFSET_RATIO = 4.0  # times an offset that is told: usual ones so near are tried too
MIN_TOLD_OFFSET = 1e-4  # an offset that any clip tells
UNREACHED_POWER = 1e-37  # a floor that nothing reaches, and float32 still holds
FITTED = ("std", "mean", "input_scale", "log_offset", "min_power", "top_db")
INPUT_SCALES = (1.0, 32_768.0, 100.0)  # full scale 1, 16-bit integers, Essentia's MusiCNN


@dataclass(frozen=True, slots=True)
class Line:
    """``logs = factor ln(mel) + term``: what relates features to linear mels.

    ``middle`` is the mean of ``ln(mel)``: about it a usual factor in place of the fitted one turns the line.
    """

    factor: float
    term: float
    middle: float = 0.0

    def turned(self, factor: float) -> Line:
        """Return the line with another factor that fits best."""
        return Line(factor, self.term + (self.factor - factor) * self.middle, self.middle)


def level_keys(
    seen: Observation, mel: np.ndarray, options: FeatureOptions, known: Iterable[FeatureOptions]
) -> list[dict[str, Any]]:
    """Return what may have come after the filters, as keys of a config, the likeliest first.

    The real core decides between them; of several that give the same numbers the first is meant: the one with the
    fewest numbers that nobody could have known without this clip, and then with the fewest digits.

    Parameters
    ----------
    seen : Observation
    mel : np.ndarray [shape=(frames, mels)]
        Linear mels by ``options`` at full scale 1.
    options : FeatureOptions
        How ``mel`` was made.
    known : iterable of FeatureOptions
        The named configs, whose floors and normalizations are usual ones.
    """
    known = list(known)
    frames = seen.telling_frames(seen.num_frames)  # none at the ends, where the padding may be another
    frames = frames[frames < len(mel)]
    offset = _offset(seen.of(frames), mel[frames], options.log_offset)
    factor, term, _ = affine_fit(mel[frames] + offset, seen.of(frames))
    middle = float(np.log(np.maximum(mel[frames] + offset, UNREACHED_POWER))[seen.trusted[frames]].mean())
    line = Line(float(np.median(factor)), float(np.median(term)), middle)
    if seen.linear:
        return list(_linear(line, options))
    floor = _floor(seen, factor, term)
    candidates = [
        {**keys, **low}
        for keys in _normalizations(seen, line, options, known)
        for low in _floors(seen, line, keys, options, known, offset, floor, float(mel.max()))
    ]
    usual = {key: {getattr(option, key) for option in known} for key in FITTED}
    scales = gains(options)

    def cost(keys: dict[str, Any]) -> tuple[int, int]:
        fitted = [(key, keys[key]) for key in FITTED if key in keys]
        unknowable = sum(not is_knowable(value, usual[key] | scales) for key, value in fitted)
        return unknowable, sum(_digits(value, usual[key]) for key, value in fitted)

    return sorted(candidates, key=cost)


def _offset(seen: Observation, mel: np.ndarray, offset: float) -> float:
    """Return what was added under the logarithm, told by the quiet values; ``offset`` where they do not tell."""
    if seen.linear or seen.normalized == "std":
        return offset
    for _ in range(NUM_OFFSET_ROUNDS):
        factor, term, _ = affine_fit(mel + offset, seen)
        with np.errstate(over="ignore", invalid="ignore"):
            rest = np.exp((seen.logs - term) / factor) - mel
        lowest = seen.logs.min()
        quiet = (rest > mel) & (seen.logs > lowest + FLOOR_TOLERANCE * np.ptp(seen.logs)) & np.isfinite(rest)
        if quiet.sum() < MIN_QUIET_VALUES:
            return offset
        low, middle, high = np.quantile(rest[quiet], (0.25, 0.5, 0.75))
        if not 0 < high - low < MAX_OFFSET_SPREAD * middle:
            return offset
        offset = float(middle)
    return plain_number(offset, MAX_OFFSET_ERROR)


def _floor(seen: Observation, factor: np.ndarray, term: np.ndarray) -> float | None:
    """Return the mel power at which the features have a floor, or None where they have none that is seen."""
    lowest = seen.logs.min(axis=0) if seen.normalized != "no" else np.full(seen.num_features, seen.logs.min())
    at_floor = (seen.logs <= lowest + FLOOR_TOLERANCE * np.ptp(seen.logs)).sum(axis=0)
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        powers = np.exp((lowest - term) / factor)
    reached = at_floor >= MIN_VALUES_AT_FLOOR
    if not reached.any() and seen.normalized == "no":
        reached = np.full(seen.num_features, at_floor.sum() >= MIN_VALUES_AT_FLOOR)
    if not reached.any():  # bins whose lowest values are the same power, one of each, stand at a floor too
        middle = float(np.median(powers))
        alike = np.abs(powers - middle) < MAX_FLOOR_POWER_SPREAD * middle
        reached = alike if alike.mean() >= MIN_SHARE_OF_BINS else np.zeros(len(powers), bool)
    return float(np.median(powers[reached])) if reached.any() else None


def _linear(line: Line, options: FeatureOptions) -> Iterator[dict[str, Any]]:
    keys = {"power_to_db": False, "log": None, "top_db": None}
    gain = math.exp(line.term)
    yield {**keys, "input_scale": 1.0, "std": 1.0}
    for scale in _scales(options):
        if abs(gain / scale**options.mag_exp - 1) < MAX_NUMBER_ERROR:
            yield {**keys, "input_scale": scale, "std": 1.0}
    for logarithm in ("ln", "log10"):  # of 1 and a little more, which is nearly linear
        for scale in INPUT_SCALES:
            one_plus = {"log_offset": 1.0, "min_power": UNREACHED_POWER, "std": 1.0, "input_scale": scale}
            yield {**_logarithm(logarithm), "top_db": None, **one_plus}
    for std in plain_numbers(1 / gain):
        yield {**keys, "input_scale": 1.0, "std": std}


def _normalizations(
    seen: Observation, line: Line, options: FeatureOptions, known: list[FeatureOptions]
) -> Iterator[dict[str, Any]]:
    """Yield logarithms with the mean and deviation that explain the line."""
    if seen.normalized != "no":
        for logarithm in ("ln", "log10", "db"):
            yield from _by_bin(seen, logarithm, line)
        return
    values = seen.values
    if abs(values.mean()) < MAX_NUMBER_ERROR * values.std() and abs(values.std() - 1) < MAX_NUMBER_ERROR:
        for ddof in (1, 0):
            for logarithm in ("db", "ln", "log10"):
                yield {**_logarithm(logarithm), "mean": "all", "std": "all", "std_ddof": ddof, "input_scale": 1.0}
    pairs = {(1.0, 0.0), *((o.std, o.mean) for o in known if isinstance(o.std, float) and isinstance(o.mean, float))}
    for logarithm, unit in UNITS_PER_NEPER.items():
        exact = unit / line.factor
        stds = sorted({std for std, _ in pairs if abs(exact / std - 1) < MAX_NUMBER_ERROR}, key=lambda std: std != 1.0)
        for std in [*stds, *plain_numbers(exact)] if not stds or abs(exact / stds[0] - 1) > MAX_FIT_ERROR else stds:
            means = [mean for other, mean in pairs if other == std]
            turned = line.turned(unit / std)
            for scale in (1.0, *_scales(options)):
                gained = turned.term - turned.factor * options.mag_exp * math.log(scale)
                keys = {**_logarithm(logarithm), "std": std, "input_scale": scale}
                for mean in _means(
                    -gained * std, means, near=MAX_NUMBER_ERROR * max(std, 1e-3 * unit), unit=unit, scale=scale
                ):
                    yield {**keys, "mean": mean}
            # The loudest value is level 0, which ``mean`` and ``std`` then move: -80 and 80 make it 1.
            of_max = -float(values.max()) * std
            yield from (
                {**keys, "input_scale": 1.0, "mean": number, "ref_power": "max"}
                for number in plain_numbers(of_max, unit)
            )


def _means(exact: float, usual: list[float], *, near: float, unit: float, scale: float) -> Iterator[float]:
    """Yield the means that may be meant by what a line gives: a usual one, or plain numbers."""
    found = [mean for mean in usual if abs(mean - exact) < near]
    if found:
        yield found[0]
    elif scale == 1.0:
        yield from plain_numbers(exact, unit)
    elif abs(exact) > MAX_NUMBER_ERROR * unit:
        plain = plain_number(exact)
        if is_knowable(plain, set()) and abs(plain - exact) < MAX_FIT_ERROR * unit:
            yield plain


def _by_bin(seen: Observation, logarithm: str, line: Line) -> Iterator[dict[str, Any]]:
    keys = {**_logarithm(logarithm), "mean": "bin"}
    if seen.normalized == "mean":
        std = UNITS_PER_NEPER[logarithm] / line.factor
        for scale in INPUT_SCALES[:2]:
            yield {**keys, "std": 1.0 if abs(std - 1) < MAX_NUMBER_ERROR else plain_number(std), "input_scale": scale}
        return
    for ddof, eps in ((1, 1e-5), (0, 1e-5), (1, 0.0), (0, 0.0)):
        for scale in INPUT_SCALES[:2]:
            yield {**keys, "std": "bin", "std_ddof": ddof, "std_eps": eps, "input_scale": scale}


def _logarithm(logarithm: str) -> dict[str, Any]:
    return {"power_to_db": True, "log": None} if logarithm == "db" else {"power_to_db": False, "log": logarithm}


def _scales(options: FeatureOptions) -> list[float]:
    """Return what samples may have been multiplied by: usual numbers, and those that undo the window."""
    return [*INPUT_SCALES[1:], *sorted(gains(options))]


def gains(options: FeatureOptions) -> set[float]:
    """Return the scales that normalized spectra have: they depend on the window and on nothing in the audio."""
    window = analysis_window(options)
    power, total = float(np.square(window).sum()), float(window.sum())
    return {power**-0.5, 1 / total, options.fft_length**-0.5, 1 / options.fft_length}


def _floors(
    seen: Observation,
    line: Line,
    keys: dict[str, Any],
    options: FeatureOptions,
    known: list[FeatureOptions],
    offset: float,
    floor: float | None,
    peak: float,
) -> Iterator[dict[str, Any]]:
    """Yield floors: none, what the lowest value says, and those of the named configs."""
    gain = keys["input_scale"] ** options.mag_exp
    offsets = list(dict.fromkeys((options.log_offset * gain, plain_number(offset * gain, MAX_OFFSET_ERROR), 0.0)))
    floors: list[tuple[float, float, float | None]] = [(found, UNREACHED_POWER, None) for found in offsets]
    if floor is not None:
        values = plain_numbers(max(UNREACHED_POWER, floor * gain))
        usual = {o.min_power for o in known} | {10.0**-digits for digits in range(13)}
        values += [
            value for value in sorted(usual) if value not in values and abs(floor * gain / value - 1) < MAX_FLOOR_ERROR
        ]
        floors += [(0.0, value, None) for value in values if value >= UNREACHED_POWER] + [
            (value, UNREACHED_POWER, None) for value in values
        ]
        if peak > floor > 0:  # a power that exp() rounds to 0 says nothing of the depth
            depth_db = 10 * math.log10((peak + offset) / floor)
            depths = [depth for depth in USUAL_TOP_DBS if abs(depth - depth_db) < MAX_TOP_DB_ERROR_DB]
            depths += [depth for depth in plain_numbers(depth_db) if depth not in depths]
            floors += [(found, UNREACHED_POWER, top_db) for found in offsets for top_db in depths]
    named = {(o.log_offset, o.min_power, o.top_db) for o in known if o.logarithm is not None}
    # Few quiet values tell an offset badly or not at all.
    told = [found for found in (offset, options.log_offset) if found]
    named |= {
        (usual * gain, UNREACHED_POWER, None)
        for usual in LOG_OFFSETS
        if 0.0 < usual < MIN_TOLD_OFFSET
        and all(1 / MAX_OFFSET_RATIO < usual / found < MAX_OFFSET_RATIO for found in told)
    }
    for offset_, floor_, top_db in dict.fromkeys([*floors, *sorted(named, key=repr)]):
        yield {"log_offset": offset_, "min_power": floor_, "top_db": top_db}


def _digits(value: Any, usual: set[Any]) -> int:
    """Count the digits of a fitted number; what a named config has, or nothing reaches, counts as none."""
    if value in usual or value == UNREACHED_POWER or not isinstance(value, float):
        return 0
    return significant_digits(value) + 1


def plain_numbers(value: float, unit: float = 0.0) -> list[float]:
    """Return the plainest number near a fitted one, and the number itself where the two are not the same.

    What is 0 but for ``MAX_FIT_ERROR`` of a ``unit`` is 0.
    """
    if abs(value) < MAX_FIT_ERROR * unit:
        value = 0.0 if abs(value) < MIN_FIT_ERROR * unit else value
    plain = plain_number(value)
    exact = float(f"{value:.7g}") if value and math.isfinite(value) else 0.0
    return [plain] if abs(plain - exact) <= MIN_FIT_ERROR * abs(exact) else [plain, exact]


def plain_number(value: float, fit: float = MAX_FIT_ERROR) -> float:
    """Return the plainest number that is as near as a fit can tell: two digits, a power of two, or three digits."""
    if value == 0 or not math.isfinite(value):
        return 0.0
    power = math.copysign(2.0 ** round(math.log2(abs(value))), value)
    for plain in (float(f"{value:.0e}"), float(f"{value:.1e}"), power, float(f"{value:.2e}")):
        if abs(plain / value - 1) < fit:
            return plain
    return float(f"{value:.6g}")
