"""Where numbers stand: what is tried, and what it is called."""

import numpy as np
import pytest

from melcli.compare.layouts import Layout, candidate_layouts


def test_the_simplest_is_tried_first():
    assert next(candidate_layouts((80, 300), (80, 300))) == Layout()


def test_a_transposition_is_tried_where_the_shapes_allow_it():
    assert {layout.transposed for layout in candidate_layouts((80, 300), (80, 300))} == {False}
    assert {layout.transposed for layout in candidate_layouts((80, 300), (300, 80))} == {True}
    assert {layout.transposed for layout in candidate_layouts((80, 80), (80, 80))} == {False, True}
    assert {layout.transposed for layout in candidate_layouts((80, 80), (81, 80))} == {False, True}


@pytest.mark.parametrize(
    "shape_a, shape_b",
    [((80, 300), (81, 301)), ((80, 300), (24000,)), ((2, 3, 4), (4, 3, 2)), ((80, 0), (80, 3))],
)
def test_nothing_is_tried_where_nothing_can_fit(shape_a, shape_b):
    assert list(candidate_layouts(shape_a, shape_b)) == []


@pytest.mark.parametrize(
    "shape_a, shape_b",
    [
        *[((6, 9), (6, 9)), ((6, 9), (9, 6)), ((6, 6), (6, 6)), ((6, 9), (6, 12)), ((6, 9), (8, 6)), ((7,), (7,))],
        *[((1, 6, 9), (6, 9)), ((6, 9, 1), (10, 6)), ((6, 1), (1, 6)), ((2, 3, 4), (2, 3, 4)), ((), ())],
    ],
)
def test_all_that_is_tried_makes_the_shapes_agree_and_is_named_unless_nothing_changes(shape_a, shape_b):
    a, b = np.zeros(shape_a), np.zeros(shape_b)
    layouts = list(candidate_layouts(shape_a, shape_b))
    assert layouts
    for layout in layouts:
        x, y = layout.align(a, b)
        assert x.shape == y.shape
        assert bool(layout.describe(time_axis=None)) == (layout != Layout())
    assert len({layout.describe(time_axis=None) for layout in layouts}) == len(layouts)


@pytest.mark.parametrize(
    "layout, time_axis, words",
    [
        (Layout(transposed=True), None, "B is A transposed"),
        (Layout(flipped=(0,)), 1, "B is reversed along the mel axis"),
        (Layout(flipped=(0,)), 0, "B is reversed along time"),
        (Layout(flipped=(1,)), None, "B is reversed along its second axis"),
        (Layout(axis=1, unpaired_b=(0, 1)), 1, "B has 1 frame more, at the end"),
        (Layout(axis=1, unpaired_b=(1, 0)), None, "B has 1 frame more, at the start of its second axis"),
        (Layout(axis=1, unpaired_a=(2, 2)), 1, "A has 4 frames more, 2 at the start, 2 at the end"),
        (Layout(axis=0, unpaired_a=(0, 1)), 1, "A has 1 bin more, at the end"),
        (Layout(axis=1, unpaired_a=(0, 1), unpaired_b=(1, 0)), 1, "B is 1 frame late"),
        (Layout(axis=0, unpaired_a=(1, 0), unpaired_b=(0, 1)), None, "B is 1 frame early along its first axis"),
        (Layout(squeezed=True), None, "the shapes differ by axes of length 1"),
        (Layout(transposed=True, axis=0, unpaired_b=(0, 1)), 0, "B is A transposed and B has 1 frame more, at the end"),
    ],
)
def test_words(layout, time_axis, words):
    assert layout.describe(time_axis=time_axis) == words
