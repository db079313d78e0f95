"""Measure the difference of two arrays, and of two sets of arrays.

``a`` and ``b`` are arrays of real numbers of one shape; everything is computed in float64.  A difference is
``|a - b|``, and relative to ``|b|``, as in `numpy.allclose`.  Two numbers that are NaN, or the same infinity, at the
same place are equal; where only one of them is, they are *apart*: beyond any tolerance, and in no maximum or mean.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from melcli.errors import ConfigError

__all__ = ["Difference", "Gaps", "Spread", "Tolerance", "WholeDifference", "find_gaps", "measure"]

_TAIL = 0.001  # of the values lie above p99.9


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerance:
    """What counts as equal: ``|a - b| <= atol + rtol * |b|``; with both 0, equal numbers only."""

    atol: float = 0.0
    rtol: float = 0.0

    def __post_init__(self) -> None:
        for key, number in (("atol", self.atol), ("rtol", self.rtol)):
            if not 0.0 <= number < math.inf:  # nothing would be beyond NaN
                raise ConfigError(f"{key}={number!r} must be finite, and 0 or more", key=key)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Largest, 99.9th percentile (a value that occurs, with at most 0.1 % of them above it) and mean.

    A mean whose sum is beyond float64 is infinite.
    """

    max: float
    p999: float
    mean: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """How far apart two arrays, or two sets of arrays, are.

    Attributes
    ----------
    num_values : int
        Pairs of numbers.
    num_unequal, num_beyond : int
        Pairs that are not equal, and pairs beyond the tolerance.
    num_nonfinite_a, num_nonfinite_b, num_apart : int
        NaN and infinities on each side, and pairs that do not agree in them.
    absolute, relative : Spread or None
        Over pairs of finite numbers, and over those of them where b is not 0; None where there is none.
    worst : tuple of int or None
        Index of a pair that is apart, if there is one, else of the largest absolute difference; None where all are
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
    """The differences themselves.

    Attributes
    ----------
    absolute : np.ndarray
        ``|a - b|`` in the arrays' shape; NaN where one of the two is not finite.
    relative : np.ndarray
        ``|a - b| / |b|`` of the finite pairs with b other than 0, in one dimension.
    apart : np.ndarray
        True where a pair does not agree in NaN and infinities.
    limit : np.ndarray
        What each absolute difference may be, in the arrays' shape.
    nonfinite : tuple of int
        NaN and infinities in a and in b.
    """

    absolute: np.ndarray
    relative: np.ndarray
    apart: np.ndarray
    limit: np.ndarray
    nonfinite: tuple[int, int]


def find_gaps(a: np.ndarray, b: np.ndarray, tolerance: Tolerance) -> Gaps:
    """Subtract two arrays of one shape.

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
    """Sum up the differences of two arrays."""
    finite = gaps.absolute[~np.isnan(gaps.absolute)]
    num_apart = int(gaps.apart.sum())
    num_unequal = num_apart + int((finite > 0).sum())
    return Difference(
        num_values=gaps.absolute.size,
        num_unequal=num_unequal,
        num_beyond=num_apart + int((gaps.absolute > gaps.limit).sum()),  # NaN is above nothing
        num_nonfinite_a=gaps.nonfinite[0],
        num_nonfinite_b=gaps.nonfinite[1],
        num_apart=num_apart,
        absolute=_spread(finite),
        relative=_spread(gaps.relative),
        worst=_worst(gaps) if num_unequal else None,
    )


class WholeDifference:
    """Adds up the differences of many pairs of arrays without holding them.

    Sums, counts and maxima add up by themselves.  For the percentile all differences are counted in a histogram whose
    bins are the floats that share sign, exponent and the first 10 bits of the fraction: 2**18 bins (2 MB), each 0.1 %
    wide, from 1e-38 to 3e38, at the price of a shift.  So the percentile is at most 0.1 % above the exact one.
    """

    def __init__(self) -> None:
        self._parts: list[Difference] = []
        self._absolute = _Histogram()
        self._relative = _Histogram()

    def add(self, gaps: Gaps, difference: Difference) -> None:
        """Add one pair of arrays: its differences, and what `measure` made of them."""
        self._parts.append(difference)
        self._absolute.add(gaps.absolute[~np.isnan(gaps.absolute)], difference.absolute)
        self._relative.add(gaps.relative, difference.relative)

    def result(self) -> Difference:
        """Return the difference of all pairs that were added."""
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
    """Counts numbers of 0 and more."""

    _SHIFT = 13  # of the 23 bits of a float32's fraction, the last 13 are dropped
    _NUM_BINS = 1 << (31 - _SHIFT)

    def __init__(self) -> None:
        self._counts = np.zeros(self._NUM_BINS, np.int64)
        self._spreads: list[Spread] = []
        self._sum = 0.0

    def add(self, values: np.ndarray, spread: Spread | None) -> None:
        """Count values, of which the spread is known."""
        if spread is None:
            return
        with np.errstate(over="ignore", under="ignore"):
            bins = values.astype(np.float32).view(np.uint32) >> self._SHIFT
        self._counts += np.bincount(bins, minlength=self._NUM_BINS)
        self._spreads.append(spread)
        self._sum += spread.mean * values.size

    def spread(self) -> Spread | None:
        """Return the spread of everything that was counted."""
        if not self._spreads:
            return None
        count = int(self._counts.sum())
        bin_ = int(np.searchsorted(np.cumsum(self._counts), _rank(count) + 1))
        edge = float(np.array((bin_ + 1) << self._SHIFT, np.uint32).view(np.float32))
        # The percentile of all lies between the lowest and the highest of the parts; of one part it is that very one.
        lowest, highest = min(part.p999 for part in self._spreads), max(part.p999 for part in self._spreads)
        return Spread(
            max=max(part.max for part in self._spreads),
            p999=max(lowest, min(highest, edge)) if bin_ else lowest,  # an edge beyond infinity is NaN: then highest
            mean=self._sum / count,
        )


def _spread(values: np.ndarray) -> Spread | None:
    if not values.size:
        return None
    rank = _rank(values.size)
    with np.errstate(over="ignore"):  # of a sum beyond 1e308
        mean = float(values.mean(dtype=np.float64))
    return Spread(max=float(values.max()), p999=float(np.partition(values, rank)[rank]), mean=mean)


def _rank(count: int) -> int:
    """Return the index of the 99.9th percentile among so many sorted values."""
    return count - 1 - math.floor(count * _TAIL)


def _worst(gaps: Gaps) -> tuple[int, ...]:
    flat = gaps.apart.argmax() if gaps.apart.any() else np.nanargmax(gaps.absolute)
    return tuple(int(index) for index in np.unravel_index(flat, gaps.absolute.shape))
