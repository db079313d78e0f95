"""Where time goes, stage by stage."""

from __future__ import annotations

import pytest

from melcli.stopwatch import Stopwatch


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What the clock shows, seconds; the last of it is now."""
    shown = [100.0]
    monkeypatch.setattr("melcli.stopwatch.time.perf_counter", lambda: shown[-1])
    return shown


def test_a_lap_counts_all_since_the_last_one(clock: list[float]) -> None:
    stopwatch = Stopwatch()
    for now_s, stage in ((101.0, "decode"), (101.5, "fft"), (105.5, "decode"), (105.5, "mel")):
        clock.append(now_s)
        stopwatch.lap(stage)
    assert stopwatch.seconds == {"decode": 5.0, "fft": 0.5, "mel": 0.0}
    assert sum(stopwatch.seconds.values()) == clock[-1] - clock[0]


def test_it_runs_from_when_it_is_made(clock: list[float]) -> None:
    clock.append(200.0)
    stopwatch = Stopwatch()
    assert stopwatch.seconds == {}
    clock.append(203.0)
    stopwatch.lap("other")
    assert stopwatch.seconds == {"other": 3.0}


def test_each_has_its_own_time(clock: list[float]) -> None:
    one, other = Stopwatch(), Stopwatch()
    clock.append(101.0)
    one.lap("fft")
    clock.append(103.0)
    other.lap("mel")
    assert (one.seconds, other.seconds) == ({"fft": 1.0}, {"mel": 3.0})
