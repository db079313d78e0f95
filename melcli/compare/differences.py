"""Measure the difference of two arrays, and of two sets of arrays.

``a`` and ``b`` are arrays of real numbers with the same shape; everything is computed in float64.  A difference is
``|a - b|``, and relative to ``|b|``, as in `numpy.allclose`.  Two values at the same place are equal if both are NaN or
the same infinity.  If only one of them is, they are *apart*: beyond any tolerance, and not in any maximum or mean.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from melcli.errors import ConfigError

__all__ = ["Difference", "Gaps", "Spread", "Tolerance", "WholeDifference", "find_gaps", "measure"]

_TAIL = 0.001  # share of the values above p99.9


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerance:
    """Numbers count as equal if ``|a - b| <= atol + rtol * |b|``; with both 0, only equal numbers do."""

    atol: float = 0.0
    rtol: float = 0.0

    def __post_init__(self) -> None:
        for key, number in (("atol", self.atol), ("rtol", self.rtol)):
            if not 0.0 <= number < math.inf:  # with NaN, no difference would be beyond the tolerance
                raise ConfigError(f"{key}={number!r} must be finite, and 0 or more", key=key)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Maximum, 99.9th percentile and mean.

    The percentile is one of the values, with at most 0.1 % of them above it.  If the sum exceeds float64, the mean is
    infinite.
    """

    max: float
    p999: float
    mean: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """The difference of two arrays, or of two sets of arrays.

    Attributes
    ----------
    num_values : int
        Number of compared pairs of numbers.
    num_unequal, num_beyond : int
        Pairs that are not equal, and pairs beyond the tolerance.
    num_nonfinite_a, num_nonfinite_b, num_apart : int
        NaN and infinities on each side, and pairs that do not agree in them.
    absolute, relative : Spread or None
        Over pairs of finite numbers, and over those of them where b is not 0; None if there are none.
    worst : tuple of int or None
        Index of a pair that is apart, if there is one, otherwise of the largest absolute difference; None if all are
        equal, and for sets.
    """

    num_values: int
    num_unequal: int
    num_beyond: int
    num_nonfinite_a: int
    num_nonfinite_b: int
    num_apart: int
    absolute: Spread | None
    relative: Spread | None
    worst: tuple[int, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Gaps:
    """The differences of all pairs of two arrays.

    Attributes
    ----------
    absolute : np.ndarray
        ``|a - b|`` in the shape of the arrays; NaN if one of the two is not finite.
    relative : np.ndarray
        ``|a - b| / |b|`` of the finite pairs with nonzero b, one-dimensional.
    apart : np.ndarray
        True if a pair does not agree in NaN and infinities.
    limit : np.ndarray
        Tolerance for each absolute difference, in the shape of the arrays.
    nonfinite : tuple of int
        Number of NaN and infinities in a and in b.
    """

    absolute: np.ndarray
    relative: np.ndarray
    apart: np.ndarray
    limit: np.ndarray
    nonfinite: tuple[int, int]


def find_gaps(a: np.ndarray, b: np.ndarray, tolerance: Tolerance) -> Gaps:
    """Subtract two arrays of the same shape.

    Raises
    ------
    ValueError
        Their shapes differ.
    """
    if a.shape != b.shape:
        raise ValueError(f"shapes {a.shape} and {b.shape} differ")
    x, y = np.asarray(a, np.float64), np.asarray(b, np.float64)
    finite = np.isfinite(x) & np.isfinite(y)
    size = np.abs(y)
    with np.errstate(over="ignore", invalid="ignore"):  # inf - inf; 1e308 - -1e308
        absolute = np.where(finite, np.abs(x - y), np.nan)
        limit = tolerance.atol + tolerance.rtol * size
        divisible = finite & (y != 0)
        relative = absolute[divisible] / size[divisible]
    return Gaps(
        absolute=absolute,
        relative=relative,
        apart=~finite & ~((x == y) | (np.isnan(x) & np.isnan(y))),
        limit=limit,
        nonfinite=(x.size - int(np.isfinite(x).sum()), y.size - int(np.isfinite(y).sum())),
    )


def measure(gaps: Gaps) -> Difference:
    """Summarize the differences of two arrays."""
    finite = gaps.absolute[~np.isnan(gaps.absolute)]
    num_apart = int(gaps.apart.sum())
    num_unequal = num_apart + int((finite > 0).sum())
    return Difference(
        num_values=gaps.absolute.size,
        num_unequal=num_unequal,
        num_beyond=num_apart + int((gaps.absolute > gaps.limit).sum()),  # comparisons with NaN are False
        num_nonfinite_a=gaps.nonfinite[0],
        num_nonfinite_b=gaps.nonfinite[1],
        num_apart=num_apart,
        absolute=_spread(finite),
        relative=_spread(gaps.relative),
        worst=_worst(gaps) if num_unequal else None,
    )


class WholeDifference:
    """Sums up the differences of many pairs of arrays without keeping them.

    Sums, counts and maxima are added directly.  For the percentile, all differences are counted in a histogram.  A bin
    contains the floats with the same sign, exponent and first 10 bits of the fraction, so that finding it takes a
    shift: 2**18 bins (2 MB), each 0.1 % wide, from 1e-38 to 3e38.  So the percentile is at most 0.1 % too high.
    """

    def __init__(self) -> None:
        self._parts: list[Difference] = []
        self._absolute = _Histogram()
        self._relative = _Histogram()

    def add(self, gaps: Gaps, difference: Difference) -> None:
        """Add one pair of arrays: its differences, and their summary by `measure`."""
        self._parts.append(difference)
        self._absolute.add(gaps.absolute[~np.isnan(gaps.absolute)], difference.absolute)
        self._relative.add(gaps.relative, difference.relative)

    def result(self) -> Difference:
        """Return the difference of all added pairs."""
        return Difference(
            num_values=sum(part.num_values for part in self._parts),
            num_unequal=sum(part.num_unequal for part in self._parts),
            num_beyond=sum(part.num_beyond for part in self._parts),
            num_nonfinite_a=sum(part.num_nonfinite_a for part in self._parts),
            num_nonfinite_b=sum(part.num_nonfinite_b for part in self._parts),
            num_apart=sum(part.num_apart for part in self._parts),
            absolute=self._absolute.spread(),
            relative=self._relative.spread(),
            worst=None,
        )


class _Histogram:
    """Counts nonnegative numbers."""

    _SHIFT = 13  # of the 23 bits of a float32's fraction, the last 13 are dropped
    _NUM_BINS = 1 << (31 - _SHIFT)

    def __init__(self) -> None:
        self._counts = np.zeros(self._NUM_BINS, np.int64)
        self._spreads: list[Spread] = []
        self._sum = 0.0

    def add(self, values: np.ndarray, spread: Spread | None) -> None:
        """Count values with a known spread."""
        if spread is None:
            return
        with np.errstate(over="ignore", under="ignore"):
            bins = values.astype(np.float32).view(np.uint32) >> self._SHIFT
        self._counts += np.bincount(bins, minlength=self._NUM_BINS)
        self._spreads.append(spread)
        self._sum += spread.mean * values.size

    def spread(self) -> Spread | None:
        """Return the spread of all counted values."""
        if not self._spreads:
            return None
        count = int(self._counts.sum())
        bin_ = int(np.searchsorted(np.cumsum(self._counts), _rank(count) + 1))
        edge = float(np.array((bin_ + 1) << self._SHIFT, np.uint32).view(np.float32))
        # The percentile of all is between the lowest and the highest of the parts; for one part it is exact.
        lowest, highest = min(part.p999 for part in self._spreads), max(part.p999 for part in self._spreads)
        return Spread(
            max=max(part.max for part in self._spreads),
            p999=max(lowest, min(highest, edge)) if bin_ else lowest,  # an edge beyond infinity is NaN: then `highest`
            mean=self._sum / count,
        )


def _spread(values: np.ndarray) -> Spread | None:
    if not values.size:
        return None
    rank = _rank(values.size)
    with np.errstate(over="ignore"):  # a sum beyond 1e308
        mean = float(values.mean(dtype=np.float64))
    return Spread(max=float(values.max()), p999=float(np.partition(values, rank)[rank]), mean=mean)


def _rank(count: int) -> int:
    """Return the index of the 99.9th percentile in ``count`` sorted values."""
    return count - 1 - math.floor(count * _TAIL)


def _worst(gaps: Gaps) -> tuple[int, ...]:
    flat = gaps.apart.argmax() if gaps.apart.any() else np.nanargmax(gaps.absolute)
    return tuple(int(index) for index in np.unravel_index(flat, gaps.absolute.shape))
