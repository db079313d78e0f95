"""The pass over two sets."""

import numpy as np
import pytest

from melcli.compare.comparison import Unreadable, compare
from melcli.compare.differences import Tolerance
from tests.compare.mels import log_mels
from tests.compare.sets import Memory

EXACT = Tolerance()
MELS = log_mels()


def test_equal_sets():
    found = compare(Memory({"a": MELS, "b": MELS.T}), Memory({"a": MELS, "b": MELS.astype(np.float64).T}), EXACT)
    assert found.exit_code == 0
    assert [item.id for item in found.items] == ["a", "b"]
    assert all(item.is_equal and item.is_within and item.explanation is None for item in found.items)
    assert (found.items[1].dtype_a, found.items[1].dtype_b) == ("float32", "float64")
    assert found.whole.num_values == 2 * MELS.size


@pytest.mark.parametrize(
    "other, tolerance, exit_code",
    [
        (MELS + 1, EXACT, 4),
        (MELS + 1, Tolerance(atol=0.99), 4),
        (MELS + 1, Tolerance(atol=1.01), 0),
        (1.01 * MELS, Tolerance(rtol=0.011), 0),
        (np.where(MELS.max() == MELS, np.nan, MELS), Tolerance(atol=1e9), 4),
        (MELS.T, Tolerance(atol=1e9), 4),
        (MELS[:, :-1], Tolerance(atol=1e9), 4),
    ],
    ids=range(7),
)
def test_the_exit_code_is_that_of_the_tolerance(other, tolerance, exit_code):
    found = compare(Memory({"a": MELS}), Memory({"a": other}), tolerance)
    assert found.exit_code == exit_code
    assert found.items[0].is_within == (exit_code == 0)
    assert not found.items[0].is_equal


def test_ids_of_one_side_are_a_difference():
    found = compare(Memory({"a": MELS, "b": MELS}), Memory({"a": MELS, "c": MELS, "d": MELS}), EXACT)
    assert (found.only_in_a, found.only_in_b, found.exit_code) == (["b"], ["c", "d"], 4)
    assert len(found.items) == 1


def test_what_cannot_be_read_costs_itself_alone_and_is_not_called_missing():
    a, b = Memory({"a": MELS, "b": None, "c/1": MELS, "cd": MELS}), Memory({"a": MELS, "b": MELS})
    b.unreadable["c"] = "c.npz cannot be read: damaged"
    found = compare(a, b, EXACT)
    assert found.unreadable == [
        Unreadable("c", "c.npz cannot be read: damaged"),
        Unreadable("b", "b cannot be read: damaged"),
    ]
    assert (found.only_in_a, found.only_in_b, found.exit_code) == (["cd"], [], 4)
    assert [item.id for item in found.items] == ["a"]


def test_unreadable_alone_is_a_difference():
    assert compare(Memory({"a": MELS, "b": MELS}), Memory({"a": MELS, "b": None}), EXACT).exit_code == 4


def test_two_files_of_one_array_are_compared_whatever_they_are_called():
    found = compare(Memory({"a": MELS}, alone=True), Memory({"b": MELS}, alone=True), EXACT)
    assert (found.exit_code, [item.id for item in found.items]) == (0, ["a"])
    assert compare(Memory({"a": MELS}, alone=True), Memory({"b": MELS}), EXACT).exit_code == 4


@pytest.mark.parametrize(
    "shapes, told, axis",
    [
        ([(4, 9), (4, 7)], None, 1),
        ([(9, 4), (7, 4)], None, 0),
        ([(4, 9), (4, 9)], None, None),
        ([(4, 9)], None, None),
        ([(4, 9), (5, 8)], None, None),
        ([(4, 9), (4, 7), (4,)], None, None),
        ([(4, 9), (1, 4, 9)], None, None),
        ([(4, 9)], 1, 1),
        ([(4, 4)], 0, 0),
    ],
)
def test_which_axis_is_time_is_told_or_seen_from_many_shapes_and_never_guessed(shapes, told, axis):
    arrays = {str(number): np.ones(shape) for number, shape in enumerate(shapes)}
    found = compare(Memory(arrays, time_axis=told), Memory(arrays), EXACT)
    assert found.time_axis_a == axis


def test_every_item_is_explained_by_itself():
    found = compare(Memory({"a": MELS, "b": MELS}), Memory({"a": MELS.T, "b": 2 * MELS}), EXACT)
    assert found.items[0].explanation.layout.transposed
    assert found.items[0].difference is None
    assert found.items[1].explanation.relation.factors == (2.0, 2.0)
