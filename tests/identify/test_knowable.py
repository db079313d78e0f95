"""Numbers that could be known without the clip."""

from __future__ import annotations

from typing import Any

import pytest

from melcli.identify.knowable import is_knowable, significant_digits


@pytest.mark.parametrize("value", [1.0, -80.0, 1e-5, 0.97, 133.0, 2.0**-24, 32_768.0, 1e-37, 0.0, "max", "bin", None])
def test_what_people_write_is_knowable(value: Any) -> None:
    assert is_knowable(value, ())


@pytest.mark.parametrize("value", [0.6416, -62.3451, 16.9378, 1.0004e-6])
def test_what_only_a_clip_gives_is_not(value: float) -> None:
    assert not is_knowable(value, ())


def test_the_numbers_of_named_front_ends_are_knowable() -> None:
    assert is_knowable(-4.2677393, (-4.2677393, "all", None))
    assert not is_knowable(-4.2677, (-4.2677393,))


@pytest.mark.parametrize("value, digits", [(80.0, 1), (-0.25, 2), (1.1920929e-7, 7), (100_000.0, 1)])
def test_digits_are_those_of_the_fraction(value: float, digits: int) -> None:
    assert significant_digits(value) == digits
