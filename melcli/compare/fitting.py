"""Fit the relation of two arrays: least squares, then the simplest numbers that fit as well.

Pairs with a value that is not finite are ignored.
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

# Maximum residual RMS, divided by the standard deviation of y.  Float16 leaves 0.0015 for log mels, and triangles on
# the wrong axis 0.001.  The neighboring frame, which is not an explanation, leaves 0.1 and more.
MAX_RELATIVE_RMS = 0.005
MAX_RESIDUAL_SHARE = 0.1  # of the difference itself; otherwise nothing is explained
MIN_VALUES = 6
MAX_MAGNITUDE = 1e75  # its square is squared in a fit; only damaged files contain such numbers
MIN_VALUES_PER_LINE = 8  # to fit a separate factor and offset for a bin
MIN_SHARE_ABOVE_FLOORS = 0.05  # of all values
MIN_SHARE_IN_LINES = 0.5  # of all values, if each bin has its own numbers
ROUNDING_SLACK = 1.02  # times half a step: the expected value is computed, and may have been rounded before

SCALING_RANGES = ((0.0, 1.0), (-1.0, 1.0), (0.0, 255.0))  # the usual target ranges of min-max scaling
END_TOLERANCE = 1e-6  # of the range: distance from its ends for values to count as scaled to it
MAX_SHARP_RMS = 1e-5  # of the standard deviation: maximum residual of a line if only rounding remains
MIN_AT_CEILING = 3  # equal maximum values, which are no coincidence
MAX_INTEGER_RMS = 0.35  # rounding to integers leaves an RMS of 0.29

_FORMS: tuple[tuple[Function, bool], ...] = (
    *(("", False), ("square", False), ("square", True)),
    *(("ln", False), ("ln", True)),
)


def relate(a: np.ndarray, b: np.ndarray) -> Relation | None:
    """Find the simplest relation that turns a into b, or b into a.

    Parameters
    ----------
    a, b : np.ndarray
        Arrays of the same shape.

    Returns
    -------
    Relation or None
        If the values are nearly equal, a relation that keeps them; None if nothing explains the difference.
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
        found = None if shaped is None else _fit(shaped, left, same_unit=function == "")
        is_sharp = found is None or found.rms <= MAX_SHARP_RMS * float(left.std()) or found.is_rounding
        if found is not None and function == "" and not is_sharp:
            with_offset = fit_offset(*pairs)  # a line above the floors may nearly fit such values too
            if with_offset is not None and with_offset.rms < 0.2 * found.rms:
                return with_offset
        if found is not None:
            found = _scaled(found, right, left) if _is_line(found, function) else found
            return replace(found, function=function, swapped=swapped)
        if function == "" and x.ndim == 2:
            each = min(_fit_each(x, y, finite), key=lambda fitted: fitted.rms, default=None)
            if each is not None:
                return each
            with_offset = fit_offset(*pairs) or _fit_below_ceilings(*pairs)
            if with_offset is not None:
                return with_offset
    return None


def _can_be_fitted(x: np.ndarray, y: np.ndarray) -> bool:
    """Return whether there are enough values and neither side is constant: a factor of 0 would explain a constant."""
    if x.size < MIN_VALUES:
        return False
    return all(side.min() < side.max() and np.abs(side).max() <= MAX_MAGNITUDE for side in (x, y))


def _is_line(found: Relation, function: Function) -> bool:
    """Return whether a relation is only a factor and an offset, and changes something."""
    changed = found.factors != (1.0, 1.0) or found.offsets != (0.0, 0.0)
    return function == "" and changed and found.floor_left is None and found.floor_right is None


def _scaled(found: Relation, x: np.ndarray, y: np.ndarray) -> Relation:
    """Mark the relation as min-max scaling, if y reaches both ends of a usual range."""
    low, high = float(y.min()), float(y.max())
    for start, end in SCALING_RANGES:
        slack = END_TOLERANCE * (end - start)
        if abs(low - start) <= slack and abs(high - end) <= slack:
            return replace(found, scaled_to=(start, end), scaled_from=(float(x.min()), float(x.max())))
    return found


def _fit_below_ceilings(x: np.ndarray, y: np.ndarray) -> Relation | None:
    """Fit the values below a ceiling of one array, as clipping leaves it; there may be floors too."""
    for side in (y, x):
        top = side >= side.max()
        if not MIN_AT_CEILING <= top.sum() < side.size / 2:
            continue
        found = _fit(x[~top], y[~top], same_unit=True) if np.ptp(x[~top]) > 0 < np.ptp(y[~top]) else None
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
    """Apply a function as a front end could: to magnitudes and powers, which are never negative; otherwise None."""
    if function == "":
        return values
    if values.min() < 0 or values.max() == 0:
        return None
    if function == "square":
        squares: np.ndarray = np.square(values)
        return squares
    logs: np.ndarray = np.log(np.maximum(values, values[values > 0].min()))  # zeros become the minimum, like a floor
    return logs


def _fit(x: np.ndarray, y: np.ndarray, *, same_unit: bool) -> Relation | None:
    """Fit a factor and an offset, first to all values, then to those above the floors.

    ``same_unit`` means that x and y may be in the same unit.  Then a fit that leaves nearly all of their difference
    explains nothing: the arrays are nearly equal, or not related.
    """
    found = _fit_line(x, y)
    max_rms = _max_rms(y)
    if found is None or (found.rms > 1e-5 * max_rms and not found.is_rounding):
        above = _fit_above_floors(x, y)
        if above is not None and above.rms <= max_rms and (found is None or above.rms < 0.2 * found.rms):
            found = above
    if found is None or found.rms > max_rms:
        return None
    difference = y - x
    if same_unit and not found.is_rounding and found.rms > MAX_RESIDUAL_SHARE * _rms(difference):
        rms, maximum = _rms(difference), float(np.abs(difference).max())
        return Relation(rms=rms, max_residual=maximum) if rms <= max_rms else None
    return found


def _max_rms(y: np.ndarray) -> float:
    """Return the maximum residual RMS for y; rounding to integers leaves more in a narrow range."""
    return max(MAX_RELATIVE_RMS * float(y.std()), MAX_INTEGER_RMS if narrow_type(y) == "uint8" else 0.0)


def _fit_line(x: np.ndarray, y: np.ndarray) -> Relation | None:
    """Fit ``y = factor * x + offset`` by least squares, and use known or round numbers if they fit as well."""
    mean_x, mean_y = x.mean(), y.mean()
    centered = x - mean_x
    variation = float(centered @ centered)
    if not variation > 0:
        return None
    slope = float(centered @ (y - mean_y)) / variation
    free_rms = float((y - mean_y - slope * centered).std())
    if free_rms > _max_rms(y):
        return None
    allowed = _allowed(free_rms, x, y, slope)
    types = narrow_type(x), narrow_type(y)
    for factor in _simplest_first(slope, KNOWN_FACTORS, neutral=1.0):
        residual = y - factor * x
        mean, spread = float(residual.mean()), float(residual.std())
        for offset in _simplest_first(mean, KNOWN_OFFSETS, neutral=0.0):
            rms = float(np.hypot(spread, mean - offset))
            # A rounded value that occurs in a third of all places, as a floor does, attracts the best line.  So with
            # rounding, simpler numbers may leave more than that line.
            rounded = rms <= max(allowed, 4 * free_rms) and _is_rounding(x, y, factor, residual - offset, types)
            if rounded or rms <= allowed:
                return Relation(
                    factors=(factor, factor),
                    offsets=(offset, offset),
                    rounded_right=types[0] if rounded else None,
                    rounded_left=types[1] if rounded else None,
                    rms=rms,
                    max_residual=float(np.abs(residual - offset).max()),
                )
    return None


def _is_rounding(
    x: np.ndarray, y: np.ndarray, factor: float, residual: np.ndarray, types: tuple[str | None, str | None]
) -> bool:
    """Return whether rounding of x and y to narrow types explains the whole residual, which is in units of y."""
    reach = np.zeros_like(residual)
    if types[0] is not None:
        reach += abs(factor) * half_steps(x, types[0])
    if types[1] is not None:
        reach += half_steps(y, types[1])
    return bool(residual.any() and (np.abs(residual) <= ROUNDING_SLACK * reach).all())


def _fit_above_floors(x: np.ndarray, y: np.ndarray) -> Relation | None:
    """Fit the values above the floors; None if values at one array's floor contradict the other array.

    The minimum counts as a floor even if it occurs once, as it may in a sample.  If it is not a floor, the line fits it
    too, and no floor is reported.
    """
    at_x, at_y = _at_floor(x), _at_floor(y)
    above = ~(at_x | at_y)
    if above.sum() < max(MIN_VALUES, MIN_SHARE_ABOVE_FLOORS * x.size):
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
    """Return whether y is not above the expected value where x is at its floor, and not below it at y's own floor."""
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
    """Fit every row separately, and every column: filters with another norm, or mean and deviation over time.

    Values at a floor are ignored, since they do not depend on the bin, and so are rows with too few other values.
    """
    x, y = np.where(finite, x, x[finite].max()), np.where(finite, y, y[finite].max())
    at_x, at_y = _at_floor(x), _at_floor(y)
    above = finite & ~(at_x | at_y)
    for each in (0, 1):
        along = 1 - each
        used = above & (above.sum(axis=along, keepdims=True) >= MIN_VALUES_PER_LINE)
        if used.any(axis=along).sum() < 2 or used.sum() < MIN_SHARE_IN_LINES * finite.sum():
            continue
        lines = _Lines(x, y, used, along)
        if not lines.variation.sum() > 0:
            continue
        limit = min(MAX_RELATIVE_RMS * _rms(lines.centered_y[used]), MAX_RESIDUAL_SHARE * _rms((y - x)[used]))
        for factors, offsets, bound in lines.forms(limit):
            expected = factors * x + offsets
            residual = (y - expected)[used]
            rms = _rms(residual)
            lines_used = used.any(axis=along, keepdims=True)
            if rms <= bound and _floors_agree(expected, y, at_x & lines_used, at_y & lines_used, limit):
                ranges = (_range(numbers[lines.is_used]) for numbers in (factors, offsets))
                max_residual = float(np.abs(residual).max())
                yield Relation(
                    factors=next(ranges), offsets=next(ranges), each=each, rms=rms, max_residual=max_residual
                )
                break


class _Lines:
    """One line per row or column; all results have length 1 along ``along``.

    Parameters
    ----------
    x, y, used : np.ndarray
        Two-dimensional; ``used`` marks the pairs to fit.
    along : int
        The axis over which a line is fitted.
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
        """Yield factors, offsets and the maximum RMS for accepting them, the simplest first."""
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
    """Divide; return 1 where the denominator is 0, as in a bin that is always silent."""
    ratio: np.ndarray = np.divide(above, below, out=np.ones_like(above), where=below > 0)
    return ratio


def _allowed(free_rms: float, x: np.ndarray, y: np.ndarray, slope: float) -> float:
    """Return the RMS up to which simpler numbers fit as well as the best: chance, and the rounding of float32."""
    scale = max(float(np.abs(y).max()), abs(slope) * float(np.abs(x).max()))
    return free_rms * (1.002 + 2.0 / x.size) + FLOAT32_STEP * scale


def _simplest_first(number: float, known: tuple[float, ...], *, neutral: float) -> list[float]:
    """Return candidates for the true value of a fitted number: neutral, a known number, three digits, or itself."""
    return [neutral, min(known, key=lambda candidate: abs(candidate - number)), float(f"{number:.3g}"), number]


def _range(values: np.ndarray) -> Range:
    return float(values.min()), float(values.max())


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(values))))
