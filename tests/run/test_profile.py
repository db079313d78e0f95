"""What ``--profile`` says of a run."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from melcli.run.profile import ADVICE, bottleneck, profile_lines, stage_seconds
from melcli.run.report import Report
from melcli.stopwatch import STAGES


def report(*, cpu_s: float | None = None, workers: int = 2, working_s: float = 10.0, **more: Any) -> Report:
    """Return the report of workers that were busy as given, stage by stage."""
    elapsed_s = more.pop("elapsed_s", working_s + 0.5)
    spent = Counter(more)
    return Report(
        out="OUT",
        workers=workers,
        working_s=working_s,
        elapsed_s=elapsed_s,
        stage_seconds=spent,
        worker_cpu_s=float(sum(spent.values())) if cpu_s is None else cpu_s,
    )


def said_limit(one: Report) -> str:
    return bottleneck(one, stage_seconds(one))


def test_every_stage_has_its_seconds_in_the_order_of_work_and_waiting_is_the_rest() -> None:
    seconds = stage_seconds(report(fft=6.0, decode=3.0, write=1.0))
    assert list(seconds) == [*STAGES, "wait"]
    assert seconds == {**dict.fromkeys(STAGES, 0.0), "decode": 3.0, "fft": 6.0, "write": 1.0, "wait": 10.0}
    assert sum(seconds.values()) == 2 * 10.0


def test_stages_that_took_longer_than_there_was_time_leave_no_wait() -> None:
    """The clocks of processes differ a little."""
    assert stage_seconds(report(workers=1, working_s=2.0, fft=2.001))["wait"] == 0.0


def test_a_run_that_did_nothing_took_no_time() -> None:
    nothing = report(workers=0, working_s=0.0)
    assert set(stage_seconds(nothing).values()) == {0.0}
    lines = list(profile_lines(nothing))
    assert len(lines) == len(STAGES) + 3


def test_each_stage_has_a_line() -> None:
    first, *stages, last = profile_lines(report(decode=8.0, fft=4.0, mel=2.0, log=1.0, write=0.5, other=0.5))
    assert first == "2 workers for 10.0 s; start-up, plan and manifest 0.5 s"
    assert stages == [
        "   decode      8.00 s  40.0%  ############",
        " resample      0.00 s   0.0%",
        "      fft      4.00 s  20.0%  ######",
        "      mel      2.00 s  10.0%  ###",
        "      log      1.00 s   5.0%  ##",
        "    write      0.50 s   2.5%  #",
        "    other      0.50 s   2.5%  #",
        "     wait      4.00 s  20.0%  ######",
    ]
    assert last == f"bottleneck: {ADVICE['decode']}"


def test_one_worker_is_one() -> None:
    assert next(profile_lines(report(workers=1, fft=1.0))).startswith("1 worker for 10.0 s;")


@pytest.mark.parametrize("stage", STAGES)
def test_the_stage_that_takes_most_is_the_limit_and_there_is_something_to_be_done(stage: str) -> None:
    others = dict.fromkeys(STAGES, 2.0)
    assert said_limit(report(**{**others, stage: 3.0})) == ADVICE[stage]


@pytest.mark.parametrize(
    "one, words",
    [
        (report(fft=19.0, elapsed_s=25.0), "start-up, plan and manifest take longer"),
        (report(fft=10.0), "too few files at a time"),
        (report(decode=9.0, fft=9.0, cpu_s=9.0), "reading and writing: the workers waited 50% of their time"),
    ],
)
def test_what_else_may_hold_a_run_back(one: Report, words: str) -> None:
    assert said_limit(one).startswith(words)


@pytest.mark.parametrize(
    "one",
    [
        report(fft=19.0, elapsed_s=19.0),  # 9 s beside 10 s of work
        report(fft=13.0),  # 35 % waited
        report(fft=18.0, cpu_s=12.0),  # held up for a third
    ],
)
def test_what_is_not_the_most_of_it_is_not_blamed(one: Report) -> None:
    assert said_limit(one) == ADVICE["fft"]


def test_workers_that_use_more_than_one_processor_are_not_held_up() -> None:
    assert said_limit(report(fft=18.0, cpu_s=30.0)) == ADVICE["fft"]
