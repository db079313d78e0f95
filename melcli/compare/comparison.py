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
    """One pair of arrays.

    Attributes
    ----------
    id : str
        Its name in both sets.
    shape_a, shape_b : tuple of int
        The shapes.
    dtype_a, dtype_b : str
        The types of the stored numbers; they are no difference by themselves.
    difference : Difference or None
        None where the shapes differ.
    explanation : Explanation or None
        None where the two are equal, and where nothing explains the difference.
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
    """An item, a file of items by the id that it would have, or a folder by its path; and a sentence that says why."""

    id: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two sets of features.

    Attributes
    ----------
    tolerance : Tolerance
        What it was held against.
    items : list of ItemComparison
        All that both sets have, by id.
    only_in_a, only_in_b : list of str
        Ids that the other set has not.
    unreadable : list of Unreadable
        What could not be read on one side or on both.
    whole : Difference
        Over all items of equal shapes.
    time_axis_a, time_axis_b : int or None
        The axis that is time, where the manifest tells it, or the shapes of many items do.
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
        """0 where everything is there on both sides and within the tolerance, else the code of a check that says no."""
        one_sided = self.only_in_a or self.only_in_b or self.unreadable
        return CHECK_FAILED if one_sided or not all(item.is_within for item in self.items) else 0


def compare(a: FeatureSet, b: FeatureSet, tolerance: Tolerance) -> Comparison:
    """Compare all that two sets have in common; if an item cannot be read, only that item fails."""
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
    """Yield the ids that belong together; two files of one array each do, whatever they are called."""
    if a.is_one_array and b.is_one_array:
        yield a.ids[0], b.ids[0]
        return
    there = set(b.ids)
    yield from ((item_id, item_id) for item_id in a.ids if item_id in there)


def _missing(here: FeatureSet, there: FeatureSet) -> list[str]:
    """Return the ids that only one set has; what the other could not read is not called missing."""
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
    """Learns which axis is time: from a manifest, or because it alone differs in length from item to item."""

    def __init__(self) -> None:
        self._told: set[int] = set()
        self._first: tuple[int, ...] | None = None
        self._differs: set[int] = set()

    def add(self, shape: tuple[int, ...], told: int | None) -> None:
        """Take an item's shape, and what is known of it."""
        if told is not None:
            self._told.add(told)
        self._first = self._first or shape
        if len(shape) != 2 or len(self._first) != 2:
            self._differs |= {0, 1}  # which is no axis's doing alone
        else:
            self._differs |= {axis for axis in (0, 1) if shape[axis] != self._first[axis]}

    def result(self) -> int | None:
        """Return the axis, or None where there is none, or more than one."""
        axes = self._told or self._differs
        return next(iter(axes)) if len(axes) == 1 else None
