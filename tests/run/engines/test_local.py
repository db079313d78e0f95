"""The pool of processes: results, deaths, deadlines, one thread each, and no survivor."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from melcli.errors import WorkersFailing
from melcli.run.engines.contract import BatchLost, BatchOverdue, WorkerDied
from melcli.run.engines.local import ONE_THREAD, LocalEngine
from tests.run.engines import probe
from tests.run.invariants import alive

ROOT = Path(__file__).parents[3]
LONG_S = 30.0


@pytest.fixture
def engine() -> Iterator[LocalEngine]:
    engine = LocalEngine(2)
    yield engine
    engine.stop()


def process_exists(process: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{process}/status").read_text()
    except FileNotFoundError:
        return False


def wait_until_gone(processes: list[int], seconds: float) -> list[int]:
    deadline_s = time.monotonic() + seconds
    while (left := list(filter(process_exists, processes))) and time.monotonic() < deadline_s:
        time.sleep(0.02)
    return left


def test_results_come_back_from_other_processes(engine: LocalEngine) -> None:
    futures = [engine.submit(probe.double, number, timeout_s=LONG_S) for number in range(20)]
    assert [future.result(LONG_S) for future in futures] == list(range(0, 40, 2))
    worker = engine.submit(probe.nap, 0.0, timeout_s=LONG_S).result(LONG_S)
    assert worker != os.getpid()


def test_an_exception_comes_back_as_it_was_raised(engine: LocalEngine) -> None:
    future = engine.submit(probe.refuse, "no such mel", timeout_s=LONG_S)
    with pytest.raises(LookupError, match="no such mel"):
        future.result(LONG_S)


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGKILL])
def test_a_worker_that_dies_is_told_and_its_neighbours_go_on(engine: LocalEngine, number: int) -> None:
    before = [engine.submit(probe.double, number, timeout_s=LONG_S) for number in range(5)]
    dying = engine.submit(probe.die, number, timeout_s=LONG_S)
    after = [engine.submit(probe.double, number, timeout_s=LONG_S) for number in range(5)]
    with pytest.raises(WorkerDied) as death:
        dying.result(LONG_S)
    assert death.value.exit_code == -number
    assert [future.result(LONG_S) for future in before + after] == [0, 2, 4, 6, 8] * 2


def test_a_worker_that_exits_is_told_long_before_its_deadline(engine: LocalEngine) -> None:
    with pytest.raises(WorkerDied) as death:
        engine.submit(probe.end, 3, timeout_s=LONG_S).result(5.0)
    assert death.value.exit_code == 3
    assert engine.submit(probe.double, 1, timeout_s=LONG_S).result(LONG_S) == 2


def test_a_worker_that_exits_with_0_is_told_at_its_deadline(engine: LocalEngine) -> None:
    """Pebble takes it for the end of an idle worker."""
    with pytest.raises(BatchOverdue):
        engine.submit(probe.end, 0, timeout_s=0.5).result(5.0)
    assert engine.submit(probe.double, 1, timeout_s=LONG_S).result(LONG_S) == 2


def test_a_call_past_its_deadline_is_ended_and_its_neighbours_go_on(engine: LocalEngine) -> None:
    started_s = time.monotonic()
    slow = engine.submit(probe.nap, 60.0, timeout_s=0.3)
    others = [engine.submit(probe.nap, 0.05, timeout_s=LONG_S) for _ in range(10)]
    with pytest.raises(BatchOverdue):
        slow.result(LONG_S)
    assert time.monotonic() - started_s < 5
    for other in others:
        other.result(LONG_S)


def test_a_call_that_waits_for_a_worker_is_not_yet_on_the_clock() -> None:
    engine = LocalEngine(1)
    try:
        futures = [engine.submit(probe.nap, 0.25, timeout_s=0.6) for _ in range(3)]
        assert len({future.result(LONG_S) for future in futures}) == 1  # one worker did them, one after another
    finally:
        engine.stop()


def test_a_worker_that_is_killed_between_two_calls_costs_nothing() -> None:
    """As by the system, which is short of memory, or by hand."""
    engine = LocalEngine(1)
    try:
        worker = engine.submit(probe.nap, 0.0, timeout_s=LONG_S).result(LONG_S)
        os.kill(worker, signal.SIGKILL)
        assert wait_until_gone([worker], 5.0) == []
        time.sleep(0.3)  # pebble looks every 0.1 s
        assert engine.submit(probe.double, 1, timeout_s=LONG_S).result(LONG_S) == 2
    finally:
        engine.stop()


@pytest.mark.parametrize("noticed_s", [0.0, 0.05, 0.1])
def test_calls_that_wait_for_a_worker_that_is_killed_all_come_back(noticed_s: float) -> None:
    """Whether pebble has noticed or not: none is lost without a word, and the engine does not give up."""
    engine = LocalEngine(1)
    try:
        worker = engine.submit(probe.nap, 0.0, timeout_s=LONG_S).result(LONG_S)
        os.kill(worker, signal.SIGKILL)
        assert wait_until_gone([worker], 5.0) == []
        time.sleep(noticed_s)
        futures = [engine.submit(probe.double, 1, timeout_s=LONG_S) for _ in range(4)]
        deadline_s = time.monotonic() + 5.0
        while not all(future.done() for future in futures) and time.monotonic() < deadline_s:
            engine.check()
            time.sleep(0.05)
        for future in futures:
            error = future.exception(0.0)
            assert error is None or isinstance(error, BatchLost)
        assert engine.submit(probe.double, 1, timeout_s=LONG_S).result(5.0) == 2
    finally:
        engine.stop()


def test_stop_ends_busy_workers_and_what_waits(tmp_path: Path) -> None:
    engine = LocalEngine(2)
    files = [tmp_path / "0", tmp_path / "1"]
    futures: list[Future[Any]] = [engine.submit(probe.spin, str(file), timeout_s=LONG_S) for file in files]
    futures.append(engine.submit(probe.double, 1, timeout_s=LONG_S))
    workers = [int(wait_for_content(file)) for file in files]
    engine.stop()
    assert wait_until_gone(workers, 0.0) == []
    for future in futures:
        if future.done():
            assert isinstance(future.exception(), BatchLost | WorkersFailing)


def test_stop_without_any_call() -> None:
    before = multiprocessing.active_children()
    LocalEngine(2).stop()
    assert multiprocessing.active_children() == before


def wait_for_content(file: Path) -> str:
    deadline_s = time.monotonic() + LONG_S
    while time.monotonic() < deadline_s:
        if file.exists() and (content := file.read_text()):
            return content
        time.sleep(0.01)
    raise AssertionError(f"nothing came into {file}")


def start_probe(*arguments: str, **environment: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.run.engines.probe", *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        start_new_session=True,
    )


def test_the_libraries_have_one_thread_inside_a_worker_whatever_the_user_set() -> None:
    process = start_probe("threads", "500", **dict.fromkeys(ONE_THREAD, "4"))
    found = json.loads(process.communicate(timeout=LONG_S)[0])
    assert found["libraries"] != {}  # a BLAS at least, or nothing was looked at
    assert set(found["libraries"].values()) == {1}
    assert found["fft"] == 1
    if found["threads"] is not None:
        assert found["threads"] <= 2  # the worker's own and the one that watches the parent


def test_the_parent_keeps_its_own_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    LocalEngine(1).stop()
    assert os.environ["OMP_NUM_THREADS"] == "4"
    assert "MKL_NUM_THREADS" not in os.environ


def test_a_busy_worker_ends_with_its_parent(tmp_path: Path) -> None:
    """Also when the parent cannot say good-bye, and though the worker is in the middle of a call."""
    process = start_probe("spin", str(tmp_path / "worker"))
    try:
        worker = int(wait_for_content(tmp_path / "worker"))
        assert process_exists(worker)
        process.kill()
        process.communicate(timeout=LONG_S)
        assert wait_until_gone([worker], 2.0) == []
        deadline_s = time.monotonic() + 2.0
        while alive(process.pid) and time.monotonic() < deadline_s:
            time.sleep(0.02)
        assert alive(process.pid) == []
    finally:
        for survivor in alive(process.pid):
            os.kill(survivor, signal.SIGKILL)
