"""Who is to blame where a worker dies of a task."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import pytest

from melcli.errors import WorkersFailing
from melcli.run import versions
from melcli.run.engines.contract import BatchLost, BatchTimedOut, WorkerCrashed
from melcli.run.engines.local import LocalEngine
from melcli.run.verify.run_tasks import run_tasks
from melcli.run.verify.task_result import TaskResult
from melcli.run.verify.tasks import CheckTask, check_outputs
from tests.store.rows import make_row


class DyingEngine:
    """Does every call at once; its workers die where they are told to.

    Attributes
    ----------
    deaths : Counter
        By what the task was about.
    most_open : int
        Calls that were handed out at a time.
    """

    def __init__(
        self, dies: Callable[[Any], BatchLost | None], check: Callable[[CheckTask], TaskResult] | None = None
    ) -> None:
        self.workers = 1
        self.deaths = 0
        self._dies = dies
        self._check = check or seen([])

    def limit_workers(self, workers: int) -> None:
        self.workers = min(self.workers, workers)

    def submit(self, function: Callable[[Any], Any], argument: Any, *, timeout_s: float) -> Future[Any]:
        if argument is not None:
            function = self._check
        future: Future[Any] = Future()
        lost = self._dies(argument)
        if lost is None:
            future.set_result(function(argument))
        else:
            self.deaths += 1
            future.set_exception(lost)
        return future


def task(ids: str, shard: str | None = None, kind: type[CheckTask] = CheckTask) -> CheckTask:
    rows = tuple(make_row(item_id, path=shard or f"{item_id}.npy", num_frames=1, num_features=1) for item_id in ids)
    return kind(out="out", rows=rows, read=(False,) * len(rows), shard=shard)


def seen(done: list[str]) -> Callable[[CheckTask], TaskResult]:
    """Return a check that writes down what it was given."""

    def check(asked: CheckTask) -> TaskResult:
        if not asked.opens_only:
            done.extend(row.id for row in asked.rows)
        return TaskResult(num_read=0 if asked.opens_only else len(asked.rows))

    return check


def kills(culprits: str) -> Callable[[Any], BatchLost | None]:
    """Return who dies of these items, but not of opening a shard."""

    def dies(asked: Any) -> BatchLost | None:
        if asked is None or asked.opens_only:
            return None
        return WorkerCrashed(-signal.SIGSEGV) if {row.id for row in asked.rows} & set(culprits) else None

    return dies


@pytest.mark.parametrize("shard", [None, "features-00000.h5"])
@pytest.mark.parametrize("culprits", ["a", "p", "hi", "abcdefghijklmnop"])
def test_the_items_that_kill_are_named_and_the_others_are_looked_at(culprits: str, shard: str | None) -> None:
    done: list[str] = []
    everyone = "abcdefghijklmnop"
    found = list(run_tasks(DyingEngine(kills(culprits), seen(done)), [task(everyone, shard)]))  # type: ignore[arg-type]
    damages = [damage for checked in found for damage in checked.damages]
    assert sorted(damage.id or "" for damage in damages) == sorted(culprits)
    assert {(damage.kind, damage.message) for damage in damages} == {
        ("killed_reader", "reading it crashed the worker (SIGSEGV)")
    }
    assert Counter(done) == Counter(set(everyone) - set(culprits))
    assert sum(checked.num_read for checked in found) == len(everyone) - len(culprits)


def test_one_culprit_among_many_costs_few_workers() -> None:
    engine = DyingEngine(kills("\u0100"))
    ids = "".join(map(chr, range(0x100, 0x200)))
    list(run_tasks(engine, [task(ids)]))  # type: ignore[arg-type]
    assert engine.deaths == 10  # of 256, 128, ... items, and one try more


def test_a_shard_that_kills_whoever_opens_it_is_the_culprit_with_all_its_items() -> None:
    engine = DyingEngine(
        lambda asked: WorkerCrashed(3) if asked is not None and asked.shard == "features-00000.h5" else None
    )
    tasks = [task("abcd", "features-00000.h5"), task("efgh", "features-00001.h5")]
    damages = [damage for checked in run_tasks(engine, tasks) for damage in checked.damages]  # type: ignore[arg-type]
    assert [damage.id for damage in damages] == [*"abcd"]
    assert damages[0].message == "reading it crashed the worker (exit code 3)"
    assert engine.deaths == 3


def test_a_death_that_does_not_come_again_is_nobodys_fault() -> None:
    deaths = iter([WorkerCrashed(-9)])
    done: list[str] = []
    engine = DyingEngine(lambda asked: next(deaths, None), seen(done))
    assert [checked.damages for checked in run_tasks(engine, [task("a"), task("b")])] == [(), ()]  # type: ignore[arg-type]
    assert sorted(done) == ["a", "b"]


def test_what_takes_too_long_is_told_as_such() -> None:
    engine = DyingEngine(lambda asked: BatchTimedOut("late", stderr="it is slow"))
    (checked,) = run_tasks(engine, [task("a")])  # type: ignore[arg-type]
    assert checked.damages[0].message == "reading it took too long and was stopped"


def test_many_culprits_do_not_end_it_while_the_workers_can_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(versions, "library_versions", lambda nothing: {})
    everyone = "".join(map(chr, range(0x100, 0x180)))
    found = list(run_tasks(DyingEngine(kills(everyone)), [task(everyone)]))  # type: ignore[arg-type]
    assert len(found) == 128


def test_workers_that_die_whatever_they_are_asked_end_it() -> None:
    engine = DyingEngine(lambda asked: WorkerCrashed(-11))
    with pytest.raises(WorkersFailing, match=r"^workers crash on every call: SIGSEGV$"):
        list(run_tasks(engine, (task("a") for _ in range(100))))  # type: ignore[arg-type]


@pytest.mark.parametrize("kill", [WorkerCrashed(-9), WorkerCrashed(-9, out_of_memory=True), WorkerCrashed(None)])
def test_kills_from_outside_are_no_damage(kill: WorkerCrashed) -> None:
    """The system is short of memory, or somebody kills whatever runs: no output is to blame."""
    engine = DyingEngine(lambda asked: kill if asked is not None and asked.rows[0].id == "a" else None)
    with pytest.raises(
        WorkersFailing, match=r"^outputs cannot be checked: reading them crashed the worker \(.*\) each"
    ):
        list(run_tasks(engine, [task("a"), task("b")]))  # type: ignore[arg-type]


def test_where_memory_runs_out_fewer_workers_check_the_rest() -> None:
    done: list[str] = []
    engine = DyingEngine(
        lambda asked: WorkerCrashed(-9, out_of_memory=True) if engine.workers > 1 else None, seen(done)
    )
    engine.workers = 4
    list(run_tasks(engine, [task("ab"), task("cd")]))  # type: ignore[arg-type]
    assert (sorted(done), engine.workers) == (list("abcd"), 1)


def test_few_tasks_are_made_at_a_time() -> None:
    made = 0

    def tasks() -> Any:
        nonlocal made
        for _ in range(100):
            made += 1
            yield task("a")

    checked = run_tasks(DyingEngine(lambda asked: None), tasks())  # type: ignore[arg-type]
    next(checked)
    assert made <= 3


class Deadly(CheckTask):
    """Dies of an item called x; in a worker."""

    @property
    def call(self) -> tuple[Callable[[Any], Any], Any]:
        return strike, self


def strike(asked: CheckTask) -> TaskResult:
    if any(row.id == "x" for row in asked.rows):
        os.kill(os.getpid(), signal.SIGSEGV)
    return check_outputs(asked)


@pytest.mark.full
def test_with_real_workers_the_one_that_kills_is_named_too(tmp_path: Any) -> None:
    engine = LocalEngine(2)
    try:
        found = list(run_tasks(engine, [task("abxc", kind=Deadly)]))
    finally:
        engine.stop()
    kinds = {damage.id: damage.kind for checked in found for damage in checked.damages}
    assert kinds == {"a": "missing", "b": "missing", "c": "missing", "x": "killed_reader"}
