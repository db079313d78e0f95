"""Fit the relation of two arrays: least squares, then the simplest numbers that fit as well.

Pairs of which one is not finite are left out of everything.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from melcli.compare.meanings import KNOWN_FACTORS, KNOWN_OFFSETS
from melcli.compare.offsets import fit_offset
from melcli.compare.relations import Floor, Function, Range, Relation
from melcli.compare.rounding import FLOAT32_STEP, half_steps, narrow_type

__all__ = ["relate"]

# What is left, RMS, over the standard deviation of what is explained.  Float16 leaves 0.0015 of log mels, triangles on
# the wrong axis 0.001; the neighboring frame, which is no explanation, leaves 0.1 and more.
ENOUGH = 0.005
SHRUNK = 0.1  # of the difference itself at most so much may be left, or nothing is explained
FEWEST_VALUES = 6
LARGEST = 1e75  # its square is squared in a fit; no front end gives such numbers, damaged files do
FEWEST_ALONG = 8  # places along the other axis that a factor and an offset of each bin's own are fitted to
LEAST_ABOVE_FLOORS = 0.05  # of all values
LEAST_IN_LINES = 0.5  # of all values, where each bin has its own numbers
ROUNDING_SLACK = 1.02  # of half a step: the expected value was computed, and may have been rounded once before

SCALED_TO = ((0.0, 1.0), (-1.0, 1.0), (0.0, 255.0))  # ranges that people scale to
AT_END = 1e-6  # of the range: how near its ends values are to count as scaled to it
SHARP = 1e-5  # of the deviation: what a line leaves at most where nothing but rounding is left
FEWEST_AT_CEILING = 3  # equal highest values, which chance does not leave
INTEGERS_LEAVE = 0.35  # RMS of rounding to integers is 0.29

_FORMS: tuple[tuple[Function, bool], ...] = (
    *(("", False), ("square", False), ("square", True)),
    *(("ln", False), ("ln", True)),
)


def relate(a: np.ndarray, b: np.ndarray) -> Relation | None:
    """Find the simplest relation that turns a into b, or b into a.

    Parameters
    ----------
    a, b : np.ndarray
        Of one shape.

    Returns
    -------
    Relation or None
        One that keeps the values where they are as good as equal; None where nothing explains the difference.
    """
    if np.array_equal(a, b):
        return Relation()
    x, y = np.asarray(a, np.float64), np.asarray(b, np.float64)
    finite = np.isfinite(x) & np.isfinite(y)
    pairs = x[finite], y[finite]
    if not _can_be_fitted(*pairs):
        return None
    for function, swapped in _FORMS:
        right, left = pairs[::-1] if swapped else pairs
        shaped = _shape(right, function)
        found = None if shaped is None else _fit(shaped, left, alike=function == "")
        if found is not None and function == "" and found.rms > SHARP * float(left.std()) and not found.is_rounding:
            beside = fit_offset(*pairs)  # which a line above the floors may nearly fit too
            if beside is not None and beside.rms < 0.2 * found.rms:
                return beside
        if found is not None:
            found = _scaled(found, right, left) if _is_line(found, function) else found
            return replace(found, function=function, swapped=swapped)
        if function == "" and x.ndim == 2:
            each = min(_fit_each(x, y, finite), key=lambda fitted: fitted.rms, default=None)
            if each is not None:
                return each
            beside = fit_offset(*pairs) or _fit_below_ceilings(*pairs)
            if beside is not None:
                return beside
    return None


def _can_be_fitted(x: np.ndarray, y: np.ndarray) -> bool:
    """Tell whether there are enough values; one number throughout would come from anything, times 0."""
    if x.size < FEWEST_VALUES:
        return False
    return all(side.min() < side.max() and np.abs(side).max() <= LARGEST for side in (x, y))


def _is_line(found: Relation, function: Function) -> bool:
    """Tell whether a relation is a factor and an offset and nothing more, and changes something."""
    changed = found.factors != (1.0, 1.0) or found.offsets != (0.0, 0.0)
    return function == "" and changed and found.floor_left is None and found.floor_right is None


def _scaled(found: Relation, x: np.ndarray, y: np.ndarray) -> Relation:
    """Say that it is what min-max scaling does, where y reaches both ends of a usual range."""
    low, high = float(y.min()), float(y.max())
    for start, end in SCALED_TO:
        slack = AT_END * (end - start)
        if abs(low - start) <= slack and abs(high - end) <= slack:
            return replace(found, scaled_to=(start, end), scaled_from=(float(x.min()), float(x.max())))
    return found


def _fit_below_ceilings(x: np.ndarray, y: np.ndarray) -> Relation | None:
    """Fit the values below a ceiling that one of the two has, as clipping leaves it; floors may be there too."""
    for side in (y, x):
        top = side >= side.max()
        if not FEWEST_AT_CEILING <= top.sum() < side.size / 2:
            continue
        found = _fit(x[~top], y[~top], alike=True) if np.ptp(x[~top]) > 0 < np.ptp(y[~top]) else None
        if found is None or found.factors[0] <= 0:
            continue
        expected = found.factors[0] * x[top] + found.offsets[0]
        highest, slack = float(side.max()), 6 * found.rms + _allowed(0.0, x, y, found.factors[0])
        if side is y and (expected >= highest - slack).all():
            return replace(found, ceiling_left=(highest, highest))
        if side is x and (y[top] >= expected - slack).all():
            return replace(found, ceiling_right=(highest, highest))
    return None


def _shape(values: np.ndarray, function: Function) -> np.ndarray | None:
    """Apply a function where it can be what a front end did: to magnitudes and powers, which are never negative."""
    if function == "":
        return values
    if values.min() < 0 or values.max() == 0:
        return None
    if function == "square":
        squares: np.ndarray = np.square(values)
        return squares
    logs: np.ndarray = np.log(np.maximum(values, values[values > 0].min()))  # zeros join the lowest, as under a floor
    return logs


def _fit(x: np.ndarray, y: np.ndarray, *, alike: bool) -> Relation | None:
    """Fit a factor and an offset, at first to all values and then to those above the floors.

    ``alike`` says that x and y may be in the same unit: then what leaves nearly all of their difference explains
    nothing, and they are alike or they are not.
    """
    found = _fit_line(x, y)
    enough = _enough(y)
    if found is None or (found.rms > 1e-5 * enough and not found.is_rounding):
        above = _fit_above_floors(x, y)
        if above is not None and above.rms <= enough and (found is None or above.rms < 0.2 * found.rms):
            found = above
    if found is None or found.rms > enough:
        return None
    rest = y - x
    if alike and not found.is_rounding and found.rms > SHRUNK * _rms(rest):
        return Relation(rms=_rms(rest), left=float(np.abs(rest).max())) if _rms(rest) <= enough else None
    return found


def _enough(y: np.ndarray) -> float:
    """Return the RMS that may be left of y; rounding to integers leaves more of a narrow range."""
    return max(ENOUGH * float(y.std()), INTEGERS_LEAVE if narrow_type(y) == "uint8" else 0.0)


def _fit_line(x: np.ndarray, y: np.ndarray) -> Relation | None:
    """Fit ``y = factor * x + offset`` by least squares, and take known and round numbers where they do as well."""
    mean_x, mean_y = x.mean(), y.mean()
    centered = x - mean_x
    variation = float(centered @ centered)
    if not variation > 0:
        return None
    slope = float(centered @ (y - mean_y)) / variation
    free_rms = float((y - mean_y - slope * centered).std())
    if free_rms > _enough(y):
        return None
    allowed = _allowed(free_rms, x, y, slope)
    types = narrow_type(x), narrow_type(y)
    for factor in _simplest_first(slope, KNOWN_FACTORS, neutral=1.0):
        rest = y - factor * x
        mean, spread = float(rest.mean()), float(rest.std())
        for offset in _simplest_first(mean, KNOWN_OFFSETS, neutral=0.0):
            rms = float(np.hypot(spread, mean - offset))
            # One rounded value that stands in a third of all places, as a floor does, draws the best line to itself,
            # so among rounded numbers simpler ones may leave more than that line.
            rounded = rms <= max(allowed, 4 * free_rms) and _is_rounding(x, y, factor, rest - offset, types)
            if rounded or rms <= allowed:
                return Relation(
                    factors=(factor, factor),
                    offsets=(offset, offset),
                    rounded_right=types[0] if rounded else None,
                    rounded_left=types[1] if rounded else None,
                    rms=rms,
                    left=float(np.abs(rest - offset).max()),
                )
    return None


def _is_rounding(
    x: np.ndarray, y: np.ndarray, factor: float, rest: np.ndarray, types: tuple[str | None, str | None]
) -> bool:
    """Say whether rounding of x and of y to narrow types explains all that is left, which is in units of y."""
    reach = np.zeros_like(rest)
    if types[0] is not None:
        reach += abs(factor) * half_steps(x, types[0])
    if types[1] is not None:
        reach += half_steps(y, types[1])
    return bool(rest.any() and (np.abs(rest) <= ROUNDING_SLACK * reach).all())


def _fit_above_floors(x: np.ndarray, y: np.ndarray) -> Relation | None:
    """Fit the values above the floors, if those at a floor agree that the other array goes on below it.

    The lowest value counts as a floor though it stand only once, as it may in a sample: where it is none, the line fits
    it too, and no floor is told of.
    """
    at_x, at_y = _at_floor(x), _at_floor(y)
    above = ~(at_x | at_y)
    if above.sum() < max(FEWEST_VALUES, LEAST_ABOVE_FLOORS * x.size):
        return None
    found = _fit_line(x[above], y[above])
    if found is None or found.factors[0] <= 0:
        return None
    expected = found.factors[0] * x + found.offsets[0]
    slack = 6 * found.rms + _allowed(0.0, x, y, found.factors[0])
    if not _floors_agree(expected, y, at_x, at_y, slack):
        return None
    low_y = float(y.min())
    floor_of_x = float(expected.min())
    return replace(
        found,
        floor_right=_floor(x) if floor_of_x > low_y + slack else None,
        floor_left=_floor(y) if floor_of_x < low_y - slack else None,
    )


def _floors_agree(expected: np.ndarray, y: np.ndarray, at_x: np.ndarray, at_y: np.ndarray, slack: float) -> bool:
    """Say whether y is no higher than expected where x is at its floor, and no lower where y is at its own."""
    too_high = at_x & ~at_y & (y > expected + slack)
    too_low = at_y & ~at_x & (y < expected - slack)
    return not (too_high.any() or too_low.any())


def _floor(values: np.ndarray) -> Floor:
    low, high = float(values.min()), float(values.max())
    return Floor(level=(low, low), depth=(high - low, high - low))


def _at_floor(values: np.ndarray) -> np.ndarray:
    low = values.min()
    at: np.ndarray = values <= low + FLOAT32_STEP * abs(low)
    return at


def _fit_each(x: np.ndarray, y: np.ndarray, finite: np.ndarray) -> Iterator[Relation]:
    """Fit every row by itself, and every column: filters of another norm, or a mean and deviation over time.

    What lies at a floor is left out, since it moves with no bin, and so are rows without enough else.
    """
    x, y = np.where(finite, x, x[finite].max()), np.where(finite, y, y[finite].max())
    at_x, at_y = _at_floor(x), _at_floor(y)
    above = finite & ~(at_x | at_y)
    for each in (0, 1):
        along = 1 - each
        used = above & (above.sum(axis=along, keepdims=True) >= FEWEST_ALONG)
        if used.any(axis=along).sum() < 2 or used.sum() < LEAST_IN_LINES * finite.sum():
            continue
        lines = _Lines(x, y, used, along)
        if not lines.variation.sum() > 0:
            continue
        limit = min(ENOUGH * _rms(lines.centered_y[used]), SHRUNK * _rms((y - x)[used]))
        for factors, offsets, bound in lines.forms(limit):
            expected = factors * x + offsets
            rest = (y - expected)[used]
            rms = _rms(rest)
            lines_used = used.any(axis=along, keepdims=True)
            if rms <= bound and _floors_agree(expected, y, at_x & lines_used, at_y & lines_used, limit):
                ranges = (_range(numbers[lines.is_used]) for numbers in (factors, offsets))
                left = float(np.abs(rest).max())
                yield Relation(factors=next(ranges), offsets=next(ranges), each=each, rms=rms, left=left)
                break


class _Lines:
    """One line for each row or column; all that it makes is of length 1 along ``along``.

    Parameters
    ----------
    x, y, used : np.ndarray
        Two-dimensional; ``used`` tells the pairs that count.
    along : int
        The axis that a line is fitted over.
    """

    def __init__(self, x: np.ndarray, y: np.ndarray, used: np.ndarray, along: int) -> None:
        self._x, self._y, self._used, self._along = x, y, used, along
        counts = self._sum(np.ones_like(x))
        self.is_used = counts > 0
        counts = np.maximum(counts, 1.0)
        self.mean_x, self.mean_y = self._sum(x) / counts, self._sum(y) / counts
        self.centered_x, self.centered_y = x - self.mean_x, y - self.mean_y
        self.variation = self._sum(self.centered_x**2)

    def forms(self, limit: float) -> Iterator[tuple[np.ndarray, np.ndarray, float]]:
        """Yield factors, offsets and the RMS up to which they are believed, the simplest first."""
        common = self._sum(self.centered_x * self.centered_y)
        slope = float(common.sum() / self.variation.sum())
        free_rms = float((self.centered_y - slope * self.centered_x)[self._used].std())
        allowed = min(limit, _allowed(free_rms, self._x, self._y, slope))
        for factor in _simplest_first(slope, KNOWN_FACTORS, neutral=1.0):
            yield np.full_like(common, factor), self.mean_y - factor * self.mean_x, allowed
        power = self._sum(self._x**2)
        yield _ratio(self._sum(self._x * self._y), power), np.zeros_like(common), limit
        own = _ratio(common, self.variation)
        yield own, self.mean_y - own * self.mean_x, limit

    def _sum(self, values: np.ndarray) -> np.ndarray:
        total: np.ndarray = np.where(self._used, values, 0.0).sum(axis=self._along, keepdims=True)
        return total


def _ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """Divide; 1 where the lower one is 0, as in a bin that is always silent."""
    ratio: np.ndarray = np.divide(above, below, out=np.ones_like(above), where=below > 0)
    return ratio


def _allowed(free_rms: float, x: np.ndarray, y: np.ndarray, slope: float) -> float:
    """Return the RMS up to which simpler numbers do as well as the best ones: chance, and float32's own rounding."""
    scale = max(float(np.abs(y).max()), abs(slope) * float(np.abs(x).max()))
    return free_rms * (1.002 + 2.0 / x.size) + FLOAT32_STEP * scale


def _simplest_first(number: float, known: tuple[float, ...], *, neutral: float) -> list[float]:
    """Return what a fitted number may really be: nothing, a known number, one of three digits, or itself."""
    return [neutral, min(known, key=lambda candidate: abs(candidate - number)), float(f"{number:.3g}"), number]


def _range(values: np.ndarray) -> Range:
    return float(values.min()), float(values.max())


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(values))))
