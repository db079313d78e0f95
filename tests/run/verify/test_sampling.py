"""The sample of ``melcli verify``."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from melcli.run.verify.sampling import choose_items
from melcli.scratch import Scratch

IDS = [f"folder/{number}" for number in range(200)]


def sample(percent: float, scratch: Scratch) -> set[str]:
    return set(filter(choose_items(iter(IDS), percent, scratch), IDS))


@pytest.mark.parametrize("percent, number", [(0.0, 0), (0.1, 1), (10.0, 20), (99.9, 200), (100.0, 200), (150.0, 200)])
def test_at_least_the_percentage_is_chosen(percent: float, number: int, scratch: Scratch) -> None:
    assert len(sample(percent, scratch)) == number


def test_each_run_chooses_the_same_items_and_a_larger_sample_contains_a_smaller_one(scratch: Scratch) -> None:
    assert sample(5.0, scratch) == sample(5.0, scratch)
    assert sample(5.0, scratch) < sample(20.0, scratch)


@pytest.mark.parametrize("percent", [0.0, 100.0])
def test_all_or_none_needs_no_ids(percent: float, scratch: Scratch) -> None:
    def ids() -> Iterator[str]:
        raise AssertionError
        yield

    assert choose_items(ids(), percent, scratch)("a") == (percent == 100.0)
