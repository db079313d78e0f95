"""Best times, rounds and ratios: what drifts in a machine drifts for both sides of a ratio."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

__all__ = ["best_s", "in_rounds", "median_ratio", "ratios"]

MIN_REPEATS, MAX_REPEATS = 2, 200


def best_s(run: Callable[[], Any], budget_s: float) -> float:
    """Return the shortest of as many calls as fit into a budget, and of two at least."""
    best, spent, repeats = float("inf"), 0.0, 0
    while repeats < MIN_REPEATS or (spent < budget_s and repeats < MAX_REPEATS):
        start = time.perf_counter()
        run()
        elapsed = time.perf_counter() - start
        best, spent, repeats = min(best, elapsed), spent + elapsed, repeats + 1
    return best


def in_rounds(runs: Mapping[str, Callable[[], Any]], *, rounds: int, budget_s: float) -> dict[str, list[float]]:
    """Time all in turn, several times over; each round begins with another one.

    Returns
    -------
    times_s : dict of list of float
        For each, the shortest call of each round, in seconds.
    """
    names = list(runs)
    times_s: dict[str, list[float]] = {name: [] for name in names}
    for number in range(rounds):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            times_s[name].append(best_s(runs[name], budget_s))
    return times_s


def ratios(peer_s: Sequence[float], ours_s: Sequence[float]) -> list[float]:
    """Divide times that were taken in the same round."""
    return [peer / ours for peer, ours in zip(peer_s, ours_s, strict=True)]


def median_ratio(peer_s: Sequence[float], ours_s: Sequence[float]) -> float:
    """Return the median over the rounds of how many times as long the peer took."""
    return statistics.median(ratios(peer_s, ours_s))
