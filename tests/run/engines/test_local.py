"""The pool of processes: results, deaths, deadlines, one thread each, and no survivor."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from melcli.errors import StorageError, WorkersFailing
from melcli.run.engines import station
from melcli.run.engines.contract import BatchLost, BatchOverdue, WorkerDied
from melcli.run.engines.local import LocalEngine
from melcli.threads import ONE_THREAD
from tests.run.engines import probe
from tests.run.invariants import alive

ROOT = Path(__file__).parents[3]
LONG_S = 30.0


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[LocalEngine]:
    engine = LocalEngine(2, folder=str(tmp_path))
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


def test_what_melcli_raises_comes_back_as_it_was_raised(engine: LocalEngine) -> None:
    future = engine.submit(probe.refuse, "no such mel", timeout_s=LONG_S)
    with pytest.raises(StorageError, match="no such mel"):
        future.result(LONG_S)


def test_a_bug_ends_the_worker_which_says_where(engine: LocalEngine) -> None:
    with pytest.raises(WorkerDied) as death:
        engine.submit(probe.double, None, timeout_s=LONG_S).result(LONG_S)  # type: ignore[arg-type]
    assert death.value.exit_code == 1
    assert "probe.py" in death.value.said
    assert death.value.said.endswith("TypeError: unsupported operand type(s) for *: 'int' and 'NoneType'")
    assert engine.submit(probe.double, 1, timeout_s=LONG_S).result(LONG_S) == 2


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGKILL])
def test_a_worker_that_dies_is_told_and_its_neighbours_go_on(engine: LocalEngine, number: int) -> None:
    before = [engine.submit(probe.double, number, timeout_s=LONG_S) for number in range(5)]
    dying = engine.submit(probe.die, number, timeout_s=LONG_S)
    after = [engine.submit(probe.double, number, timeout_s=LONG_S) for number in range(5)]
    with pytest.raises(WorkerDied) as death:
        dying.result(LONG_S)
    assert death.value.exit_code == -number
    assert [future.result(LONG_S) for future in before + after] == [0, 2, 4, 6, 8] * 2


@pytest.mark.parametrize("code", [0, 3])
def test_a_worker_that_exits_is_told_long_before_its_deadline(engine: LocalEngine, code: int) -> None:
    with pytest.raises(WorkerDied) as death:
        engine.submit(probe.end, code, timeout_s=LONG_S).result(5.0)
    assert death.value.exit_code == code
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


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_workers_that_are_killed_or_stopped_between_two_calls_cost_at_most_those(
    monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """As by the system, which is short of memory, or by hand: what waits is done, and nothing hangs."""
    monkeypatch.setattr(station, "PIPE_S", 1)
    engine = LocalEngine(1)
    try:
        worker = engine.submit(probe.nap, 0.0, timeout_s=LONG_S).result(LONG_S)
        os.kill(worker, number)
        futures = [engine.submit(probe.length, bytes(1_000_000), timeout_s=1.0) for _ in range(4)]
        assert isinstance(futures[0].exception(10.0), BatchLost)
        assert [future.result(LONG_S) for future in futures[1:]] == [1_000_000] * 3
        assert wait_until_gone([worker], 1.0) == []
    finally:
        engine.stop()


def test_signals_to_the_whole_group_pass_workers_by() -> None:
    """The driver takes them and lets its workers finish."""
    engine = LocalEngine(1)
    try:
        worker = engine.submit(probe.nap, 0.0, timeout_s=LONG_S).result(LONG_S)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            os.kill(worker, number)
            os.kill(parent_of(worker), number)
        assert engine.submit(probe.nap, 0.2, timeout_s=LONG_S).result(LONG_S) == worker
    finally:
        engine.stop()


def test_a_forkserver_that_is_killed_is_replaced(engine: LocalEngine) -> None:
    worker = engine.submit(probe.nap, 0.0, timeout_s=LONG_S).result(LONG_S)
    os.kill(parent_of(worker), signal.SIGKILL)
    with pytest.raises(WorkerDied):
        engine.submit(probe.die, signal.SIGKILL, timeout_s=LONG_S).result(LONG_S)
    futures = [engine.submit(probe.double, number, timeout_s=LONG_S) for number in range(4)]
    assert [future.result(LONG_S) for future in futures] == [0, 2, 4, 6]


def test_what_a_worker_printed_is_told_when_it_dies_and_nothing_reaches_the_terminal(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    engine = LocalEngine(1, folder=str(tmp_path))
    try:
        words = "free(): \x1b[31minvalid\n pointer 0x7f0011223344"
        with pytest.raises(WorkerDied) as death:
            engine.submit(probe.shout, words, timeout_s=LONG_S).result(LONG_S)
        assert death.value.said == r"free(): \x1b[31minvalid / pointer 0x..."
    finally:
        engine.stop()
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr() == ("", "")


def test_a_worker_leaves_no_core_dump(tmp_path: Path) -> None:
    process = start_probe("die", str(int(signal.SIGSEGV)), cwd=tmp_path)
    said = json.loads(process.communicate(timeout=LONG_S)[0])
    assert said == {"core": [1, -1], "exit_code": -signal.SIGSEGV}
    assert list(tmp_path.iterdir()) == []


def test_a_worker_is_renewed_when_it_has_done_its_share() -> None:
    one = LocalEngine(1)
    try:
        workers = [one.submit(probe.work, share, timeout_s=LONG_S).result(LONG_S) for share in (0.5, 0.6, 0.1, 0.1)]
    finally:
        one.stop()
    assert workers[0] == workers[1] != workers[2] == workers[3]


def test_a_worker_is_renewed_when_its_memory_has_grown() -> None:
    one = LocalEngine(1)
    try:
        workers = [one.submit(probe.hoard, size, timeout_s=LONG_S).result(LONG_S) for size in (0, 300_000_000, 0, 0)]
    finally:
        one.stop()
    assert workers[0] == workers[1] != workers[2] == workers[3]


def test_a_worker_gets_no_more_memory_than_it_may_have() -> None:
    one = LocalEngine(1, max_memory_bytes=400_000_000)
    try:
        assert one.submit(probe.hoard, 100_000_000, timeout_s=LONG_S).result(LONG_S)
        with pytest.raises(WorkerDied) as death:
            one.submit(probe.hoard, 400_000_000, timeout_s=LONG_S).result(LONG_S)
    finally:
        one.stop()
    assert (death.value.exit_code, death.value.for_memory) == (1, False)


def test_an_item_past_its_deadline_ends_its_worker_though_it_hangs_in_c(engine: LocalEngine) -> None:
    """With Python's lock held, so that no thread of Python could do anything about it."""
    started_s = time.monotonic()
    with pytest.raises(BatchOverdue):
        engine.submit(probe.hang_in_c, 0.3, timeout_s=LONG_S).result(LONG_S)
    assert time.monotonic() - started_s < 5


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


def parent_of(process: int) -> int:
    return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])


def start_probe(*arguments: str, cwd: Path = ROOT, **environment: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.run.engines.probe", *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
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


def test_a_forkserver_that_hangs_is_given_up_when_the_engine_stops(tmp_path: Path) -> None:
    """Another worker is to be started just then: nobody waits for ever for a process that will not come."""
    engine = LocalEngine(1, folder=str(tmp_path))
    worker = engine.submit(probe.nap, 0.0, timeout_s=LONG_S).result(LONG_S)
    server = parent_of(worker)
    assert isinstance(engine.submit(probe.die, signal.SIGKILL, timeout_s=LONG_S).exception(LONG_S), WorkerDied)
    os.kill(server, signal.SIGSTOP)
    future = engine.submit(probe.double, 1, timeout_s=LONG_S)
    time.sleep(0.5)  # it waits for the forkserver by now
    started_s = time.monotonic()
    engine.stop()
    assert time.monotonic() - started_s < 12
    assert isinstance(future.exception(0.0), BatchLost)
    assert wait_until_gone([server], 1.0) == []


def test_a_worker_can_be_ended_though_the_forkserver_is_gone(tmp_path: Path) -> None:
    """Python takes the processes of a forkserver that is gone for ended, and signals none of them."""
    engine = LocalEngine(2, folder=str(tmp_path))
    first = engine.submit(probe.spin, str(tmp_path / "worker"), timeout_s=LONG_S)
    worker = int(wait_for_content(tmp_path / "worker"))
    os.kill(parent_of(worker), signal.SIGKILL)
    assert engine.submit(probe.double, 1, timeout_s=LONG_S).result(LONG_S) == 2  # by a new one, which looks at the old
    os.kill(worker, signal.SIGSTOP)
    started_s = time.monotonic()
    engine.stop()
    assert time.monotonic() - started_s < 12
    assert isinstance(first.exception(0.0), BatchLost)
    assert wait_until_gone([worker], 1.0) == []


def test_a_deadline_beyond_what_the_system_can_count_is_no_deadline(engine: LocalEngine) -> None:
    assert engine.submit(probe.double, 1, timeout_s=1e12).result(LONG_S) == 2


@pytest.mark.parametrize("number, how", [(-11, "SIGSEGV"), (-40, "signal 40"), (3, "exit code 3")])
def test_how_a_worker_died_is_told_for_every_signal(number: int, how: str) -> None:
    assert WorkerDied(number).how == how


@pytest.fixture
def short(tmp_path: Path) -> Iterator[Path]:
    """A temporary folder in which a socket's path is not too long, as it may be in ``tmp_path``."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        yield Path(folder)


def killed_drivers_leave(tmp_path: Path, temporary: Path) -> list[int]:
    """Kill two drivers on one OUT, one after the other; return how many folders there are after each."""
    (tmp_path / "own").mkdir()
    counts = []
    for _ in range(2):
        process = start_probe("spin", str(tmp_path / "worker"), str(tmp_path / "own"), TMPDIR=str(temporary))
        try:
            wait_for_content(tmp_path / "worker")
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate(timeout=LONG_S)
        (tmp_path / "worker").unlink()
        counts.append(len(list(temporary.iterdir())))
    return counts


def test_a_killed_driver_leaves_nothing_that_the_next_one_does_not_remove(tmp_path: Path, short: Path) -> None:
    """The forkserver listens on a file, which has to be outside of OUT: paths of sockets are short."""
    assert killed_drivers_leave(tmp_path, short) == [1, 1]


def test_a_temporary_folder_may_have_a_long_path(tmp_path: Path) -> None:
    """Batch systems make one for each job; that of a socket may have 107 bytes."""
    long = tmp_path / ("x" * 100)
    long.mkdir()
    assert killed_drivers_leave(tmp_path, long) == [0, 0]
    process = start_probe("threads", "10", str(tmp_path / "own"), TMPDIR=str(long))  # clears /tmp of the last one's
    process.communicate(timeout=LONG_S)
    assert process.returncode == 0


@pytest.mark.parametrize("folder", ["own", None])
def test_a_folder_to_meet_in_is_gone_afterwards(tmp_path: Path, short: Path, folder: str | None) -> None:
    (tmp_path / "own").mkdir()
    arguments = [str(tmp_path / folder)] if folder is not None else []
    process = start_probe("threads", "10", *arguments, TMPDIR=str(short))
    process.communicate(timeout=LONG_S)
    assert (process.returncode, list(short.iterdir())) == (0, [])
