"""The pool of processes: results, deaths, deadlines, failed starts, and no survivor."""

from __future__ import annotations

import errno
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from melcli.errors import StorageError, WorkersFailing
from melcli.run.engines import pool, start_retries, worker_starter
from melcli.run.engines.contract import BatchLost, BatchTimedOut, WorkerCrashed
from melcli.run.engines.local import LocalEngine
from melcli.run.engines.process import WorkerProcess
from melcli.threads import ONE_THREAD
from tests.elapsed import HANG_S, Stopwatch, communicate, stretch, wait_until
from tests.run.engines import probe
from tests.run.invariants import alive
from tests.tiers import full_but

ROOT = Path(__file__).parents[3]


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[LocalEngine]:
    engine = LocalEngine(2, folder=str(tmp_path))
    yield engine
    engine.stop()


@pytest.fixture
def engine_of_one(tmp_path: Path) -> Iterator[LocalEngine]:
    engine = LocalEngine(1, folder=str(tmp_path))
    yield engine
    engine.stop()


def process_exists(process: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{process}/status").read_text()
    except FileNotFoundError:
        return False


def wait_until_gone(processes: list[int], seconds: float) -> list[int]:
    wait_until(lambda: not any(map(process_exists, processes)), seconds)
    return list(filter(process_exists, processes))


def test_results_come_back_from_other_processes(engine: LocalEngine) -> None:
    futures = [engine.submit(probe.double, number, timeout_s=HANG_S) for number in range(20)]
    assert [future.result(HANG_S) for future in futures] == list(range(0, 40, 2))
    worker = engine.submit(probe.nap, 0.0, timeout_s=HANG_S).result(HANG_S)
    assert worker != os.getpid()


@pytest.mark.full
def test_what_melcli_raises_comes_back_as_it_was_raised(engine: LocalEngine) -> None:
    future = engine.submit(probe.refuse, "no such mel", timeout_s=HANG_S)
    with pytest.raises(StorageError, match="no such mel"):
        future.result(HANG_S)


@pytest.mark.full
def test_a_bug_ends_the_worker_which_says_where(engine: LocalEngine) -> None:
    with pytest.raises(WorkerCrashed) as death:
        engine.submit(probe.double, None, timeout_s=HANG_S).result(HANG_S)  # type: ignore[arg-type]
    assert death.value.exit_code == 1
    assert "probe.py" in death.value.stderr
    assert death.value.stderr.endswith("TypeError: unsupported operand type(s) for *: 'int' and 'NoneType'")
    assert engine.submit(probe.double, 1, timeout_s=HANG_S).result(HANG_S) == 2


SIGNALS = (signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGKILL)


@pytest.mark.few(1)
@pytest.mark.parametrize("number", full_but(SIGNALS, signal.SIGSEGV, signal.SIGKILL))
def test_a_worker_that_dies_is_told_and_its_neighbors_go_on(engine: LocalEngine, number: int) -> None:
    before = [engine.submit(probe.double, number, timeout_s=HANG_S) for number in range(5)]
    dying = engine.submit(probe.die, number, timeout_s=HANG_S)
    after = [engine.submit(probe.double, number, timeout_s=HANG_S) for number in range(5)]
    with pytest.raises(WorkerCrashed) as death:
        dying.result(HANG_S)
    assert death.value.exit_code == -number
    assert death.value.pid not in (None, os.getpid())
    assert [future.result(HANG_S) for future in before + after] == [0, 2, 4, 6, 8] * 2
    assert engine.take_idle_deaths() == []  # of those that had no call


@pytest.mark.full
@pytest.mark.parametrize("code", [0, 3])
def test_a_worker_that_exits_is_told_long_before_its_deadline(engine: LocalEngine, code: int) -> None:
    watch = Stopwatch()
    with pytest.raises(WorkerCrashed) as death:
        engine.submit(probe.end, code, timeout_s=HANG_S).result(HANG_S)
    assert watch.quiet_s < 5.0
    assert death.value.exit_code == code
    assert engine.submit(probe.double, 1, timeout_s=HANG_S).result(HANG_S) == 2


def test_a_call_past_its_deadline_is_ended_and_its_neighbors_go_on(engine: LocalEngine) -> None:
    watch = Stopwatch()
    slow = engine.submit(probe.nap, 60.0, timeout_s=0.3)
    others = [engine.submit(probe.nap, 0.05, timeout_s=HANG_S) for _ in range(10)]
    with pytest.raises(BatchTimedOut):
        slow.result(HANG_S)
    assert watch.quiet_s < 5.0
    for other in others:
        other.result(HANG_S)


@pytest.mark.full
def test_a_call_that_waits_for_a_worker_is_not_yet_on_the_clock() -> None:
    engine = LocalEngine(1)
    try:
        limit_s = 0.6 * stretch()
        futures = [engine.submit(probe.nap, 0.4 * limit_s, timeout_s=limit_s) for _ in range(3)]
        assert len({future.result(HANG_S) for future in futures}) == 1  # one worker did them, one after another
    finally:
        engine.stop()


@pytest.mark.full
def test_a_worker_that_is_killed_without_a_call_is_reported_once(engine_of_one: LocalEngine) -> None:
    worker = engine_of_one.submit(probe.nap, 0.0, timeout_s=HANG_S).result(HANG_S)
    deaths: list[BatchLost] = []
    os.kill(worker, signal.SIGKILL)
    assert wait_until(lambda: bool(deaths.extend(engine_of_one.take_idle_deaths()) or deaths), HANG_S)
    assert [(death.pid, str(death)) for death in deaths] == [(worker, "SIGKILL")]
    assert engine_of_one.submit(probe.double, 1, timeout_s=HANG_S).result(HANG_S) == 2
    assert engine_of_one.take_idle_deaths() == []


@pytest.mark.full
def test_a_worker_that_is_killed_between_two_calls_costs_at_most_one(engine_of_one: LocalEngine) -> None:
    """As by the system, which is short of memory, or by hand: what waits is done, and nothing hangs."""
    worker = engine_of_one.submit(probe.nap, 0.0, timeout_s=HANG_S).result(HANG_S)
    os.kill(worker, signal.SIGKILL)
    futures = [engine_of_one.submit(probe.length, bytes(1_000_000), timeout_s=HANG_S) for _ in range(4)]
    lost = [future for future in futures if isinstance(future.exception(HANG_S), BatchLost)]
    assert len(lost) <= 1
    assert all(future.result() == 1_000_000 for future in futures if future not in lost)


@pytest.mark.full
def test_a_worker_that_is_stopped_between_two_calls_costs_the_deadline_of_one(engine_of_one: LocalEngine) -> None:
    """Also where it cannot even read the call, which is larger than the socket's buffer."""
    worker = engine_of_one.submit(probe.nap, 0.0, timeout_s=HANG_S).result(HANG_S)
    os.kill(worker, signal.SIGSTOP)
    first = engine_of_one.submit(probe.length, bytes(1_000_000), timeout_s=0.5)
    rest = [engine_of_one.submit(probe.length, bytes(1_000_000), timeout_s=HANG_S) for _ in range(3)]
    assert isinstance(first.exception(HANG_S), BatchTimedOut)
    assert [future.result(HANG_S) for future in rest] == [1_000_000] * 3
    assert wait_until_gone([worker], 1.0) == []


@pytest.mark.full
def test_a_worker_that_is_stopped_in_a_step_is_noticed_when_that_step_is_over(
    engine: LocalEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel's alarm does not end a process that is stopped; the call as a whole may take far longer."""
    monkeypatch.setattr(pool, "GRACE_S", 0.3)
    watch = Stopwatch()
    stopping = engine.submit(probe.stop_in_item, 0.2, timeout_s=HANG_S)
    others = [engine.submit(probe.nap, 0.05, timeout_s=HANG_S) for _ in range(10)]
    assert isinstance(stopping.exception(HANG_S), BatchTimedOut)
    assert watch.quiet_s < 5.0
    for other in others:
        other.result(HANG_S)


@pytest.mark.full
def test_a_driver_that_was_stopped_itself_takes_no_worker_for_hung(tmp_path: Path) -> None:
    """As by Ctrl-Z and fg, which stop and continue the whole group."""
    process = start_probe("nap", "0.2")
    try:
        assert wait_until(lambda: len(alive(process.pid)) > 1)
        time.sleep(0.5)  # so that its worker is at work, as a rule
        os.killpg(process.pid, signal.SIGSTOP)
        time.sleep(0.2 + pool.GRACE_S + 0.2)  # after which a driver that counted it would end the worker
        os.killpg(process.pid, signal.SIGCONT)
        assert json.loads(communicate(process)[0]) == {"lost": None}
    finally:
        process.kill()
        process.communicate()


@pytest.mark.full
def test_signals_to_the_whole_group_pass_workers_by(engine_of_one: LocalEngine) -> None:
    """The driver takes them and lets its workers finish."""
    worker = engine_of_one.submit(probe.nap, 0.0, timeout_s=HANG_S).result(HANG_S)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        os.kill(worker, number)
    assert engine_of_one.submit(probe.nap, 0.2, timeout_s=HANG_S).result(HANG_S) == worker


@pytest.mark.full
@pytest.mark.parametrize(
    "what",
    full_but(
        [probe.answer_twice, probe.be_ready_again, probe.answer_another, probe.send_garbage],
        *[probe.answer_twice, probe.be_ready_again],
    ),
)
def test_a_message_that_nobody_waits_for_is_a_loss_and_never_a_result(
    engine: LocalEngine, what: Callable[[int], None]
) -> None:
    """Two workers on one connection once passed the second one's readiness for a result, and the run for done."""
    results = [engine.submit(probe.double, number, timeout_s=HANG_S) for number in range(4)]
    wrong = engine.submit(what, 3, timeout_s=HANG_S)
    results += [engine.submit(probe.double, number, timeout_s=HANG_S) for number in range(4, 8)]
    if what is probe.answer_twice:  # the first of the two is right; the second ends the worker
        assert wrong.result(HANG_S) == 3
    else:
        assert isinstance(wrong.exception(HANG_S), BatchLost)
    lost = [future for future in results if isinstance(future.exception(HANG_S), BatchLost)]
    assert len(lost) <= 1
    assert all(future.result() == 2 * n for n, future in enumerate(results) if future not in lost)


# starts


@pytest.fixture
def short_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is gained by waiting for what never succeeds."""
    monkeypatch.setattr(start_retries, "MAX_BACKOFF_WITHOUT_WORKERS_S", 0.01)


@pytest.mark.full
def test_a_worker_that_is_killed_while_it_starts_is_started_again(tmp_path: Path) -> None:
    """Three times in a row, and within milliseconds of its birth."""
    engine = LocalEngine(1, folder=str(tmp_path))
    try:
        for _ in range(3):
            (newborn,) = wait_for_children()
            os.kill(newborn, signal.SIGKILL)
            assert wait_until_gone([newborn], HANG_S) == []
        assert engine.submit(probe.double, 4, timeout_s=HANG_S).result(HANG_S) == 8
    finally:
        engine.stop()


@pytest.mark.full
def test_workers_that_die_as_soon_as_they_are_ready_are_not_started_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    starts_file = tmp_path / "starts"
    monkeypatch.setenv("MELCLI_TEST_STARTS", str(starts_file))
    engine = LocalEngine(2, imports=("tests.run.engines.ends_when_ready",))
    try:
        with suppress(WorkersFailing):
            engine.start()
        assert wait_until(lambda: engine._pool.starter.has_given_up)
        number = starts_file.stat().st_size
        assert number <= 4 * start_retries.MAX_ATTEMPTS
        time.sleep(0.5)
        assert starts_file.stat().st_size == number
    finally:
        engine.stop()


@pytest.mark.full
@pytest.mark.usefixtures("short_backoff")
def test_a_module_that_is_missing_is_named() -> None:
    engine = LocalEngine(1, imports=["melcli_no_such_module"])
    try:
        with pytest.raises(WorkersFailing, match=r"5 attempts.*No module named 'melcli_no_such_module'"):
            engine.start()
    finally:
        engine.stop()


@pytest.mark.usefixtures("short_backoff")
def test_an_interpreter_that_cannot_be_started_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    engine = LocalEngine(1)
    try:
        with pytest.raises(WorkersFailing, match="No such file or directory"):
            engine.start()
    finally:
        engine.stop()


@pytest.mark.full
def test_where_the_system_allows_no_more_processes_fewer_workers_do_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    allowed = 2
    monkeypatch.setattr(pool, "WorkerProcess", Scarce(allowed))
    monkeypatch.setattr(worker_starter, "usable_cpus", lambda: 8)
    engine = LocalEngine(6)
    try:
        engine.start()
        workers = {engine.submit(probe.nap, 0.02, timeout_s=HANG_S).result(HANG_S) for _ in range(40)}
        assert 1 <= len(workers) <= allowed
        assert wait_until(lambda: "workers run: Resource temporarily unavailable; allow more" in engine.start_problem)
        assert re.match(r"only [12] of 6 workers run", engine.start_problem)
    finally:
        engine.stop()


@pytest.mark.usefixtures("short_backoff")
def test_where_the_system_allows_no_process_at_all_it_is_a_storage_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "WorkerProcess", Scarce(0))
    engine = LocalEngine(6)
    try:
        with pytest.raises(StorageError, match=r"Resource temporarily unavailable; allow more processes"):
            engine.start()
    finally:
        engine.stop()


def test_a_worker_that_is_not_ready_in_time_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start_retries, "START_TIMEOUT_S", 0.01)
    engine = LocalEngine(1)
    try:
        with pytest.raises(WorkersFailing, match=r"2 attempts.*was not ready after 0 s"):
            engine.start()
    finally:
        engine.stop()


@pytest.mark.full
def test_of_many_workers_the_first_are_ready_before_the_last_are_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_starter, "usable_cpus", lambda: 2)
    engine = LocalEngine(16)
    try:
        engine.start()
        assert len(children()) <= 2 * 2
        assert engine.submit(probe.double, 1, timeout_s=HANG_S).result(HANG_S) == 2
    finally:
        engine.stop()


@pytest.mark.full
def test_fewer_workers_go_on_when_their_number_is_limited() -> None:
    engine = LocalEngine(3)
    try:
        naps = [engine.submit(probe.nap, 0.1, timeout_s=HANG_S) for _ in range(9)]
        assert len({nap.result(HANG_S) for nap in naps}) > 1
        engine.limit_workers(1)
        for nap in [engine.submit(probe.nap, 0.1, timeout_s=HANG_S) for _ in range(3)]:
            nap.result(HANG_S)
        assert len({engine.submit(probe.nap, 0.0, timeout_s=HANG_S).result(HANG_S) for _ in range(5)}) == 1
        assert wait_until(lambda: len(children()) <= 1)
    finally:
        engine.stop()


@pytest.mark.full
def test_starts_that_fail_are_tried_ever_more_rarely_though_others_answer_all_the_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scarce = Scarce(1)
    monkeypatch.setattr(pool, "WorkerProcess", scarce)
    engine = LocalEngine(2)
    try:
        watch, answers = Stopwatch(), 0
        while watch.wall_s < 2.0:
            assert engine.submit(probe.double, 1, timeout_s=HANG_S).result(HANG_S) == 2
            answers += 1
        assert answers > 10
        assert scarce.refused <= 8  # ever longer pauses, from 0.1 s on
        scarce.allowed = 2
        assert wait_until(lambda: len(children()) == 2)
    finally:
        engine.stop()


@pytest.mark.full
def test_a_process_that_does_not_come_to_execute_the_interpreter_delays_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As where the interpreter is on a disk that does not answer, or somebody stops the newborn."""
    released = threading.Event()
    number = count()

    def launch(**options: Any) -> WorkerProcess:
        if next(number):
            released.wait()
        return WorkerProcess(**options)

    monkeypatch.setattr(pool, "WorkerProcess", launch)
    monkeypatch.setattr(worker_starter, "LAUNCH_TIMEOUT_S", 0.2)
    engine = LocalEngine(2)
    try:
        assert [engine.submit(probe.double, n, timeout_s=HANG_S).result(HANG_S) for n in range(20)] == [
            *range(0, 40, 2)
        ]
        crash = engine.submit(probe.die, signal.SIGSEGV, timeout_s=HANG_S).exception(HANG_S)
        assert isinstance(crash, WorkerCrashed)
        last = engine.submit(probe.double, 1, timeout_s=HANG_S).exception(HANG_S)
        assert isinstance(last, WorkersFailing)
        assert "could not execute" in str(last)
    finally:
        released.set()
        engine.stop()


@pytest.mark.full
def test_an_engine_can_be_stopped_twice_and_spoken_to_afterwards() -> None:
    engine = LocalEngine(1)
    engine.start()
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda _: engine.stop(), range(8)))
    reading, writing = os.pipe()  # which may have the numbers of the engine's own
    try:
        engine.limit_workers(1)
        assert isinstance(engine.submit(probe.double, 1, timeout_s=HANG_S).exception(HANG_S), BatchLost)
        engine.stop()
        os.set_blocking(reading, False)
        with pytest.raises(BlockingIOError):
            os.read(reading, 1)
    finally:
        os.close(reading)
        os.close(writing)


def test_how_a_worker_ended_is_known_though_it_is_killed_afterwards(tmp_path: Path) -> None:
    process = WorkerProcess(folder=str(tmp_path), imports=(), max_memory_bytes=None)
    try:
        os.kill(process.pid, signal.SIGSEGV)
        assert wait_until_gone([process.pid], HANG_S) == []
        process.kill()
        assert (process.has_ended(), process.exit_code) == (True, -signal.SIGSEGV)
    finally:
        process.close()


def test_a_python_that_does_not_know_where_it_is_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", None)
    with pytest.raises(WorkersFailing, match="does not know its own executable"):
        LocalEngine(1)


class Scarce:
    """Starts worker processes, though no more than so many at a time."""

    def __init__(self, allowed: int) -> None:
        self.allowed = allowed
        self.refused = 0

    def __call__(self, **options: Any) -> WorkerProcess:
        if len(children()) >= self.allowed:
            self.refused += 1
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        return WorkerProcess(**options)


def children() -> list[int]:
    """List the processes that this one has started and that live."""
    found = []
    for task in Path("/proc/self/task").iterdir():
        with suppress(OSError):
            found += map(int, (task / "children").read_text().split())
    return list(filter(process_exists, found))


def wait_for_children() -> list[int]:
    found: list[int] = []

    def look() -> bool:
        found[:] = children()
        return bool(found)

    assert wait_until(look, poll_s=0.001)
    return found


@pytest.mark.full
def test_what_a_worker_printed_is_told_when_it_dies_and_nothing_reaches_the_terminal(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    engine = LocalEngine(1, folder=str(tmp_path))
    try:
        words = "free(): \x1b[31minvalid\n pointer 0x7f0011223344"
        with pytest.raises(WorkerCrashed) as death:
            engine.submit(probe.shout, words, timeout_s=HANG_S).result(HANG_S)
        assert death.value.stderr == r"free(): \x1b[31minvalid / pointer 0x..."
    finally:
        engine.stop()
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr() == ("", "")


@pytest.mark.full
def test_a_worker_leaves_no_core_dump(tmp_path: Path) -> None:
    process = start_probe("die", str(int(signal.SIGSEGV)), cwd=tmp_path)
    said = json.loads(communicate(process)[0])
    assert said == {"core": [1, -1], "exit_code": -signal.SIGSEGV}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.full
def test_a_worker_is_renewed_when_it_has_done_its_share(engine_of_one: LocalEngine) -> None:
    check_renewed(engine_of_one, probe.work, before=[0.5, 0.6], after=0.0)


@pytest.mark.full
def test_a_worker_is_renewed_when_its_memory_has_grown(engine_of_one: LocalEngine) -> None:
    check_renewed(engine_of_one, probe.hoard, before=[0, 300_000_000], after=0)


@pytest.mark.full
def test_a_worn_worker_that_is_busy_when_its_successor_is_ready_is_renewed_all_the_same(
    engine_of_one: LocalEngine,
) -> None:
    """The successor waits for it, rather than be started again and again."""
    old = engine_of_one.submit(probe.work, 1.0, timeout_s=HANG_S).result(HANG_S)
    born: set[int] = set()
    workers = []
    while not workers or workers[-1] == old:
        nap = engine_of_one.submit(probe.nap, 1.5 * stretch(), timeout_s=HANG_S)  # longer than a start takes
        while not nap.done():
            born |= set(children())
            time.sleep(0.01)
        workers.append(nap.result())
    assert workers[0] == old
    assert len(born) == 2


def check_renewed(engine: LocalEngine, work: Callable[[Any], int], *, before: list[Any], after: Any) -> None:
    """A worn worker goes on until its successor is ready, so that no call waits for a start."""
    old, same = [engine.submit(work, each, timeout_s=HANG_S).result(HANG_S) for each in before]
    assert old == same
    workers: list[int] = []
    watch = Stopwatch()
    while len(workers) < 2 or workers[-2] == old:
        assert watch.quiet_s < HANG_S
        workers.append(engine.submit(work, after, timeout_s=HANG_S).result(HANG_S))
    assert workers[0] == old
    assert set(workers[:-2]) == {old}
    assert workers[-1] == workers[-2]
    assert wait_until_gone([old], 2.0) == []


@pytest.mark.full
def test_a_worker_gets_no_more_memory_than_it_may_have() -> None:
    one = LocalEngine(1, max_memory_bytes=400_000_000)
    try:
        assert one.submit(probe.hoard, 100_000_000, timeout_s=HANG_S).result(HANG_S)
        with pytest.raises(WorkerCrashed) as death:
            one.submit(probe.hoard, 400_000_000, timeout_s=HANG_S).result(HANG_S)
    finally:
        one.stop()
    assert (death.value.exit_code, death.value.out_of_memory) == (1, False)


@pytest.mark.full
def test_an_item_past_its_deadline_ends_its_worker_though_it_hangs_in_c(engine: LocalEngine) -> None:
    """With Python's lock held, so that no thread of Python could do anything about it."""
    watch = Stopwatch()
    with pytest.raises(BatchTimedOut):
        engine.submit(probe.hang_in_c, 0.3, timeout_s=HANG_S).result(HANG_S)
    assert watch.quiet_s < 5.0


@pytest.mark.full
def test_stop_ends_busy_workers_and_what_waits(tmp_path: Path) -> None:
    engine = LocalEngine(2)
    files = [tmp_path / "0", tmp_path / "1"]
    futures: list[Future[Any]] = [engine.submit(probe.spin, str(file), timeout_s=HANG_S) for file in files]
    futures.append(engine.submit(probe.double, 1, timeout_s=HANG_S))
    workers = [int(wait_for_content(file)) for file in files]
    engine.stop()
    assert wait_until_gone(workers, 0.0) == []
    for future in futures:
        if future.done():
            assert isinstance(future.exception(), BatchLost | WorkersFailing)


def test_stop_without_any_call() -> None:
    before = children()
    LocalEngine(2).stop()
    assert children() == before


def wait_for_content(file: Path) -> str:
    assert wait_until(lambda: file.exists() and file.stat().st_size > 0), f"nothing came into {file}"
    return file.read_text()


def start_probe(*arguments: str, cwd: Path = ROOT, **environment: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.run.engines.probe", *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        stdout=subprocess.PIPE,
        start_new_session=True,
    )


@pytest.mark.full
def test_the_libraries_have_one_thread_inside_a_worker_whatever_the_user_set() -> None:
    process = start_probe("threads", "500", **dict.fromkeys(ONE_THREAD, "4"))
    found = json.loads(communicate(process)[0])
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


@pytest.mark.full
def test_a_busy_worker_ends_with_its_parent(tmp_path: Path) -> None:
    """Also when the parent cannot say good-bye, and though the worker is in the middle of a call."""
    process = start_probe("spin", str(tmp_path / "worker"))
    try:
        worker = int(wait_for_content(tmp_path / "worker"))
        assert process_exists(worker)
        process.kill()
        communicate(process)
        assert wait_until_gone([worker], 2.0) == []
        assert wait_until(lambda: not alive(process.pid), 2.0)
    finally:
        for survivor in alive(process.pid):
            os.kill(survivor, signal.SIGKILL)


@pytest.mark.full
def test_a_deadline_beyond_what_the_system_can_count_is_no_deadline(engine: LocalEngine) -> None:
    assert engine.submit(probe.double, 1, timeout_s=1e12).result(HANG_S) == 2


@pytest.mark.parametrize("whole_group", full_but([True, False], True))
@pytest.mark.parametrize("own", full_but([True, False], True))
def test_a_killed_driver_leaves_nothing_behind(tmp_path: Path, whole_group: bool, own: bool) -> None:
    """Neither in the temporary folder nor in OUT's own."""
    temporary, folder = tmp_path / "temporary", tmp_path / "own"
    temporary.mkdir()
    folder.mkdir()
    arguments = [str(folder)] if own else []
    process = start_probe("spin", str(tmp_path / "worker"), *arguments, TMPDIR=str(temporary))
    try:
        worker = int(wait_for_content(tmp_path / "worker"))
    finally:
        os.killpg(process.pid, signal.SIGKILL) if whole_group else process.kill()
        communicate(process)
    assert wait_until_gone([worker], 2.0) == []
    assert ([*temporary.iterdir()], [*folder.iterdir()]) == ([], [])


@pytest.mark.full
def test_a_worker_that_is_stopped_ends_with_its_driver_too(tmp_path: Path) -> None:
    """Continued later, it would write into an OUT that another run has finished."""
    process = start_probe("spin", str(tmp_path / "worker"))
    worker = int(wait_for_content(tmp_path / "worker"))
    os.kill(worker, signal.SIGSTOP)
    process.kill()
    communicate(process)
    assert wait_until_gone([worker], 2.0) == []


@pytest.mark.full
def test_how_a_worker_ends_is_known_though_the_system_reaps_it(engine: LocalEngine) -> None:
    """Where SIGCHLD is ignored nobody can be asked: then it is unknown, which is no evidence, and not 0."""
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        death = engine.submit(probe.die, signal.SIGSEGV, timeout_s=HANG_S).exception(HANG_S)
        assert isinstance(death, WorkerCrashed)
        assert (death.exit_code, death.is_evidence) == (None, False)
        assert engine.submit(probe.double, 1, timeout_s=HANG_S).result(HANG_S) == 2
    finally:
        engine.stop()
        signal.signal(signal.SIGCHLD, before)


def test_modules_in_the_working_directory_are_not_imported(tmp_path: Path) -> None:
    """A folder of recordings may hold anything."""
    for name in ("numpy", "scipy", "soundfile", "soxr", "json", "pickle", "melcli_probe"):
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'executed')!r}, 'a').write({name!r})")
    code = (
        "import sys\n"
        "from melcli.run.engines.local import LocalEngine\n"
        "engine = LocalEngine(1)\n"
        "engine.start()\n"
        "print(engine.submit(len, 'abc', timeout_s=60).result())\n"
        "engine.stop()\n"
    )
    command = [sys.executable, "-P", "-c", code]
    done = subprocess.run(command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True)
    assert (done.stdout, done.stderr) == (b"3\n", b"")
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize(
    "number, how", [(-11, "SIGSEGV"), (-40, "signal 40"), (3, "exit code 3"), (None, "an unknown exit code")]
)
def test_how_a_worker_died_is_told_for_every_end(number: int | None, how: str) -> None:
    assert WorkerCrashed(number).exit_description == how


def test_the_advance_of_a_call_is_known_before_its_end(engine: LocalEngine) -> None:
    assert engine.in_progress == (0, 0.0)
    calls = [engine.submit(probe.advance, 3.0 * stretch(), timeout_s=HANG_S) for _ in range(2)]
    assert wait_until(lambda: engine.in_progress == (2, 26.0), HANG_S)
    assert not any(call.done() for call in calls)
    for call in calls:
        call.result(HANG_S)
    assert engine.in_progress == (0, 0.0)
