"""Compare two sets of features, one pair of arrays at a time, in the order of their ids."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from melcli.compare.differences import Difference, Tolerance, WholeDifference, find_gaps, measure
from melcli.compare.explanations import Explanation, explain
from melcli.compare.feature_sets import FeatureSet
from melcli.errors import CHECK_FAILED, StorageError

__all__ = ["Comparison", "ItemComparison", "Unreadable", "compare"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemComparison:
    """The comparison of one pair of arrays.

    Attributes
    ----------
    id : str
        Id of the item in both sets.
    shape_a, shape_b : tuple of int
        Shapes of the arrays.
    dtype_a, dtype_b : str
        Types of the stored numbers; a different type alone is not a difference.
    difference : Difference or None
        None if the shapes differ.
    explanation : Explanation or None
        None if the arrays are equal, or if nothing explains the difference.
    """

    id: str
    shape_a: tuple[int, ...]
    shape_b: tuple[int, ...]
    dtype_a: str
    dtype_b: str
    difference: Difference | None
    explanation: Explanation | None

    @property
    def is_equal(self) -> bool:
        """Whether shapes and all numbers are equal."""
        return self.difference is not None and self.difference.num_unequal == 0

    @property
    def is_within(self) -> bool:
        """Whether the shapes are equal and all differences within the tolerance."""
        return self.difference is not None and self.difference.num_beyond == 0


class Unreadable(NamedTuple):
    """An item, a file (by the id that it would have) or a folder (by its path) that cannot be read, and the reason."""

    id: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The comparison of two sets of features.

    Attributes
    ----------
    tolerance : Tolerance
        The tolerance used.
    items : list of ItemComparison
        Items that both sets contain, by id.
    only_in_a, only_in_b : list of str
        Ids that only one set contains.
    unreadable : list of Unreadable
        What cannot be read in one or both sets.
    whole : Difference
        The difference over all items of equal shapes.
    time_axis_a, time_axis_b : int or None
        The time axis, if the manifest records it or it follows from the shapes of many items.
    """

    tolerance: Tolerance
    items: list[ItemComparison]
    only_in_a: list[str]
    only_in_b: list[str]
    unreadable: list[Unreadable]
    whole: Difference
    time_axis_a: int | None
    time_axis_b: int | None

    @property
    def exit_code(self) -> int:
        """0 if both sets contain the same items, within the tolerance; otherwise the exit code of a failed check."""
        one_sided = self.only_in_a or self.only_in_b or self.unreadable
        return CHECK_FAILED if one_sided or not all(item.is_within for item in self.items) else 0


def compare(a: FeatureSet, b: FeatureSet, tolerance: Tolerance) -> Comparison:
    """Compare all items that both sets contain; if an item cannot be read, only that item fails."""
    items: list[ItemComparison] = []
    unreadable = [Unreadable(*found) for found in (*a.unreadable.items(), *b.unreadable.items())]
    whole = WholeDifference()
    axes_a, axes_b = _TimeAxis(), _TimeAxis()
    for id_a, id_b in _pairs(a, b):
        try:
            array_a, array_b = a.read(id_a), b.read(id_b)
        except StorageError as error:
            unreadable.append(Unreadable(id_a, str(error)))
            continue
        items.append(_compare_arrays(id_a, array_a, array_b, tolerance, whole))
        axes_a.add(array_a.shape, a.time_axis(id_a, array_a.shape))
        axes_b.add(array_b.shape, b.time_axis(id_b, array_b.shape))
    return Comparison(
        tolerance=tolerance,
        items=items,
        only_in_a=_missing(a, b),
        only_in_b=_missing(b, a),
        unreadable=unreadable,
        whole=whole.result(),
        time_axis_a=axes_a.result(),
        time_axis_b=axes_b.result(),
    )


def _pairs(a: FeatureSet, b: FeatureSet) -> Iterator[tuple[str, str]]:
    """Yield the ids to compare; two files with one array each form a pair, whatever their names."""
    if a.is_one_array and b.is_one_array:
        yield a.ids[0], b.ids[0]
        return
    there = set(b.ids)
    yield from ((item_id, item_id) for item_id in a.ids if item_id in there)


def _missing(here: FeatureSet, there: FeatureSet) -> list[str]:
    """Return the ids that only ``here`` contains, without those that ``there`` contains but cannot read."""
    if here.is_one_array and there.is_one_array:
        return []
    missing = sorted(set(here.ids).difference(there.ids))
    damaged = there.unreadable
    return [
        item_id for item_id in missing if not any(item_id == name or item_id.startswith(f"{name}/") for name in damaged)
    ]


def _compare_arrays(
    item_id: str, a: np.ndarray, b: np.ndarray, tolerance: Tolerance, whole: WholeDifference
) -> ItemComparison:
    difference = None
    if a.shape == b.shape:
        gaps = find_gaps(a, b, tolerance)
        difference = measure(gaps)
        whole.add(gaps, difference)
    equal = difference is not None and difference.num_unequal == 0
    return ItemComparison(
        id=item_id,
        shape_a=a.shape,
        shape_b=b.shape,
        dtype_a=a.dtype.name,
        dtype_b=b.dtype.name,
        difference=difference,
        explanation=None if equal else explain(a, b),
    )


class _TimeAxis:
    """Finds the time axis: from a manifest, or because only its length differs between items."""

    def __init__(self) -> None:
        self._known: set[int] = set()
        self._first: tuple[int, ...] | None = None
        self._differs: set[int] = set()

    def add(self, shape: tuple[int, ...], known: int | None) -> None:
        """Add the shape of an item, and its time axis if known."""
        if known is not None:
            self._known.add(known)
        self._first = self._first or shape
        if len(shape) != 2 or len(self._first) != 2:
            self._differs |= {0, 1}  # which does not identify an axis
        else:
            self._differs |= {axis for axis in (0, 1) if shape[axis] != self._first[axis]}

    def result(self) -> int | None:
        """Return the axis, or None if none or several qualify."""
        axes = self._known or self._differs
        return next(iter(axes)) if len(axes) == 1 else None
