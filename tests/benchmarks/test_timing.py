"""Ratios come from the same round, and the shortest call counts."""

from __future__ import annotations

import pytest

from benchmarks import timing
from benchmarks.bare_fft import BLOCKS, CALLS, fft_s
from benchmarks.timing import best_s, in_rounds, median_ratio, ratios


class Clock:
    """A clock that only runs while something is done."""

    def __init__(self) -> None:
        self.now = 0.0

    def perf_counter(self) -> float:
        return self.now

    def takes(self, *seconds: float):
        """Return something that takes so long, call by call; the last one again and again."""
        left = list(seconds)

        def run() -> None:
            self.now += left.pop(0) if len(left) > 1 else left[0]

        return run


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(timing, "time", clock)
    return clock


def test_ratios_are_taken_round_by_round():
    assert ratios([2.0, 9.0], [1.0, 3.0]) == [2.0, 3.0]


def test_the_median_of_ratios_is_not_the_ratio_of_medians():
    # The machine was ten times slower in the second round, for both.
    assert median_ratio([2.0, 30.0, 3.0], [1.0, 10.0, 3.0]) == 2.0


def test_rounds_that_do_not_match_are_refused():
    with pytest.raises(ValueError, match="shorter"):
        ratios([1.0, 2.0], [1.0])


def test_the_shortest_call_counts(clock):
    assert best_s(clock.takes(5.0, 2.0, 3.0), budget_s=9.0) == pytest.approx(2.0)


def test_there_are_two_calls_at_least_and_as_many_as_fit(clock):
    best_s(clock.takes(10.0), budget_s=1.0)
    assert clock.now == 20.0
    best_s(clock.takes(0.25), budget_s=1.0)
    assert clock.now == 21.0


def test_every_round_begins_with_another_one():
    order: list[str] = []
    runs = {name: lambda name=name: order.append(name) for name in "abc"}
    times_s = in_rounds(runs, rounds=2, budget_s=0.0)
    assert order == list("aabbcc" + "bbccaa")
    assert {name: len(times) for name, times in times_s.items()} == {"a": 2, "b": 2, "c": 2}


def test_the_bare_fft_is_that_of_the_best_block_in_each_round():
    # Seconds for CALLS calls with one frame each: 1 us, and in one round half of it with one size of block.
    times_s = {f"rfft {size}": [1e-6 * size * CALLS, 1e-6 * size * CALLS] for size in BLOCKS}
    times_s["rfft 64"][1] /= 2
    assert fft_s(times_s, num_frames=1000) == pytest.approx([1e-3, 5e-4])
