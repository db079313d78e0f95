"""A search ends after so many trials, or after so long."""

from __future__ import annotations

import pytest

from melcli.identify.effort import TOLD_EVERY, VALUES_PER_TRIAL, Effort


def test_trials_count_by_the_mel_powers_that_they_compute() -> None:
    effort = Effort(max_trials=10)
    effort.spend(VALUES_PER_TRIAL * 5)
    assert (effort.trials, effort.share, effort.spent) == (5.0, 0.5, False)
    effort.spend(VALUES_PER_TRIAL * 5)
    assert effort.spent


def test_a_limit_on_time_ends_it() -> None:
    effort = Effort(until_s=0.0)
    assert not effort.spent
    effort.spend(0)
    assert effort.spent
    assert effort.out_of_time


@pytest.mark.parametrize("number, told", [(TOLD_EVERY - 1, 0), (2 * TOLD_EVERY, 2)])
def test_it_is_told_of_now_and_then(number: int, told: int) -> None:
    heard: list[float] = []
    effort = Effort(listener=lambda effort: heard.append(effort.trials))
    for _ in range(number):
        effort.spend(VALUES_PER_TRIAL)
    assert len(heard) == told
