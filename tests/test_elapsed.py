"""Limits on elapsed time hold on a busy machine, and every test takes them from one place."""

from __future__ import annotations

import ast
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import elapsed
from tests.elapsed import MOST_STRETCH, Stopwatch, communicate, deadline_in, fail_after, run, stretch, wait, wait_until

TESTS = Path(__file__).parent
# Files that may read the clock: they wait for no limit, or replace the clock itself.
MAY_READ_THE_CLOCK = {"elapsed.py", "fuzz/__main__.py"}
CLOCKS = {"monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns"}
# Calls that take a limit in seconds of the wall clock.
WAITING = {"run", "check_output", "check_call", "call", "communicate", "wait"}


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> dict[str, float | None]:
    """Two counters: the wall clock, and the time in which some task waited."""
    now: dict[str, float | None] = {"wall": 100.0, "stalled": 50.0}
    monkeypatch.setattr(elapsed.time, "monotonic", lambda: now["wall"])
    monkeypatch.setattr(elapsed, "_stalled_s", lambda: now["stalled"])
    return now


@pytest.mark.parametrize(
    "wall, stalled, quiet", [(2.0, 0.0, 2.0), (2.0, 1.5, 0.5), (20.0, 20.0, 2.0), (20.0, 45.0, 2.0)]
)
def test_time_in_which_some_task_waited_does_not_count(clock, wall, stalled, quiet):
    """But for a tenth of the wall clock's, so that a process that hangs is noticed at any load."""
    watch = Stopwatch()
    clock.update(wall=100.0 + wall, stalled=50.0 + stalled)
    assert (watch.wall_s, watch.quiet_s) == (pytest.approx(wall), pytest.approx(quiet))


def test_where_nobody_counts_the_load_average_is_taken(clock, monkeypatch):
    monkeypatch.setattr(elapsed, "_stretch", lambda glances: 4.0)
    clock.update(stalled=None)
    watch = Stopwatch()
    clock.update(wall=108.0)
    assert watch.quiet_s == pytest.approx(2.0)


def test_what_the_system_counts_is_read(tmp_path, monkeypatch):
    for name, total in {"cpu": 1_500_000, "io": 250_000, "memory": 0}.items():
        (tmp_path / name).write_text(f"some avg10=1.00 avg60=0.5 avg300=0.1 total={total}\nfull avg10=0 total=9\n")
    monkeypatch.setattr(elapsed, "PRESSURE", tmp_path)
    monkeypatch.setattr(elapsed, "_stolen_s", lambda: 0.5)
    assert elapsed._stalled_s() == pytest.approx(2.25)
    (tmp_path / "io").unlink()
    assert elapsed._stalled_s() is None


@pytest.mark.parametrize("load, expected", [(0.0, 1.0), (3.0, 1.5), (1000.0, MOST_STRETCH)])
def test_the_forecast_follows_the_load(monkeypatch, load, expected):
    monkeypatch.setattr(elapsed.os, "sched_getaffinity", lambda _: {0, 1}, raising=False)
    for average, now in ((load, 0.0), (0.0, load)):
        monkeypatch.setattr(elapsed.os, "getloadavg", lambda average=average: (average, 9.0, 9.0))
        monkeypatch.setattr(elapsed, "_runnable_now", lambda glances, now=now: now)
        assert stretch() == expected


def test_a_deadline_for_melcli_is_by_the_clock_that_it_reads(clock):
    assert deadline_in(2.5) == pytest.approx(102.5)


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(["sleep", "600"], stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


@pytest.mark.parametrize("call", [wait, communicate])
def test_a_process_that_hangs_is_noticed(sleeper, call):
    with pytest.raises(subprocess.TimeoutExpired):
        call(sleeper, 0.02)
    sleeper.kill()
    call(sleeper)
    assert sleeper.returncode == -signal.SIGKILL


def test_a_command_is_run():
    ended = run([sys.executable, "-S", "-c", "print('said'); raise SystemExit('no')"], text=True)
    assert (ended.returncode, ended.stdout, ended.stderr) == (1, "said\n", "no\n")
    with pytest.raises(subprocess.CalledProcessError):
        run(["false"], check=True)
    with pytest.raises(subprocess.TimeoutExpired):
        run(["sleep", "600"], 0.02)


def test_a_condition_is_waited_for():
    answers = iter([False, False, True])
    assert wait_until(lambda: next(answers), poll_s=0.0)
    assert not wait_until(lambda: False, 0.02)


def test_a_test_that_waits_fails():
    def hang() -> None:
        while True:
            signal.pause()

    with pytest.raises(pytest.fail.Exception, match="it blocked"), fail_after(0.02):
        hang()
    with fail_after(0.02):
        pass
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


# the rule


def findings(source: str) -> list[int]:
    """Return the lines that call a clock that others can stretch, or give a process seconds of the wall clock."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    return sorted(call.lineno for call in calls if _name(call.func) in CLOCKS or _has_limit(call))


def _has_limit(call: ast.Call) -> bool:
    if not isinstance(call.func, ast.Attribute) or call.func.attr not in WAITING:
        return False
    limits = [word.value for word in call.keywords if word.arg == "timeout" and not _is_none(word.value)]
    given = call.args if call.func.attr == "wait" else []
    return bool(limits) or any(_is_fixed(part) for value in given for part in ast.walk(value))


def _is_fixed(part: ast.AST) -> bool:
    """Whether it is a number or a constant's name, and no moment that a loop chooses at random."""
    return isinstance(part, ast.Constant) or (isinstance(part, ast.Name) and part.id.isupper())


def _name(function: ast.expr) -> str:
    return getattr(function, "attr", getattr(function, "id", ""))


def _is_none(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and value.value is None


def files() -> list[str]:
    found = [path.relative_to(TESTS).as_posix() for path in sorted(TESTS.rglob("*.py"))]
    return [name for name in found if name not in MAY_READ_THE_CLOCK]


def test_every_limit_is_in_quiet_seconds():
    """Take `tests.elapsed`: on a busy machine a bare limit fails for no fault of melcli's."""
    sources = {name: (TESTS / name).read_text(encoding="utf-8") for name in files()}
    words = (*CLOCKS, "timeout=", ".wait(")  # parsing takes time
    found = {name: findings(text) for name, text in sources.items() if any(word in text for word in words)}
    assert {name: lines for name, lines in found.items() if lines} == {}


def test_the_rule_finds_what_it_forbids():
    source = """
import time
from time import perf_counter
took = time.monotonic() - perf_counter()
subprocess.run(command, timeout=5)
process.wait(timeout=limit)
engine.submit(work, timeout_s=3)
process.process_time()
process.wait(timeout=None)
lock.acquire(timeout=0)
process.wait(PROMPT_S * stretch())
process.wait(seconds)
barrier.wait()
"""
    assert findings(source) == [4, 4, 5, 6, 11]
