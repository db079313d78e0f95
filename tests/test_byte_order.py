"""Ids are in the order of their bytes."""

from __future__ import annotations

import os
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from melcli.byte_order import byte_order, sorted_by_bytes

NAMES = st.binary(max_size=6).map(os.fsdecode)


@given(st.lists(NAMES))
def test_names_are_in_the_order_of_their_bytes(names: list[str]) -> None:
    in_order = sorted_by_bytes(names, lambda name: (name,))
    assert [os.fsencode(name) for name in in_order] == sorted(map(os.fsencode, names))
    assert sorted(names, key=byte_order) == in_order


def test_the_second_string_decides_between_equal_ones() -> None:
    pairs = [("a", "\udc80"), ("a", "é"), ("a", "\uffff"), ("\udcff", ""), ("b", "z")]
    random.Random(1).shuffle(pairs)
    in_order = sorted_by_bytes(pairs, lambda pair: pair)
    assert in_order == [("a", "\udc80"), ("a", "é"), ("a", "\uffff"), ("b", "z"), ("\udcff", "")]


@pytest.mark.parametrize("text", ["\ud800", "a\udfff"])
def test_a_surrogate_that_stands_for_no_byte_has_a_place_too(text: str) -> None:
    assert sorted_by_bytes([text, "a", "b"], lambda name: (name,)) == sorted([text, "a", "b"], key=byte_order)
