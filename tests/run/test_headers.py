"""Reading headers in workers that die: no item is left out, and only what crashes its worker counts for nothing."""

from __future__ import annotations

import math
import signal
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import pytest

from melcli.config.config import Config
from melcli.errors import TimeUp, WorkersFailing
from melcli.run import isolation
from melcli.run.batching import Batch
from melcli.run.deadline import remaining_s, result_until
from melcli.run.engines.contract import BatchLost, BatchTimedOut, WorkerCrashed
from melcli.run.headers import measure
from melcli.run.job import Job, MeasuredItem
from melcli.run.limits import Limits
from melcli.sources.items import Item

CONFIG = Config()
JOB = Job(out="OUT", config=CONFIG, config_id=CONFIG.config_id)
KILLED, CRASHED = WorkerCrashed(-signal.SIGKILL), WorkerCrashed(-signal.SIGSEGV)
FOR_MEMORY = WorkerCrashed(-signal.SIGKILL, out_of_memory=True)


class Engine:
    """Answers 1 s for each item, unless a loss is planned for one of them."""

    def __init__(self, losses: dict[str, list[BatchLost]], workers: int = 2) -> None:
        self.losses = losses
        self.workers = workers
        self.calls: list[str] = []
        self.timeouts_s: list[float] = []

    start_problem = ""

    def start(self, until_s: float = math.inf) -> None:
        pass

    def submit(self, function: Callable[[Any], Any], argument: Any, *, timeout_s: float) -> Future[Any]:
        future: Future[Any] = Future()
        if argument is None:  # asked whether workers can work at all
            future.set_exception(CRASHED)
            return future
        items = argument[1].items
        self.calls.append("".join(item.id for item in items))
        self.timeouts_s.append(timeout_s)
        loss = next((self.losses[item.id].pop(0) for item in items if self.losses.get(item.id)), None)
        if loss is None:
            future.set_result([MeasuredItem(item.id, 1.0, 1) for item in items])
        else:
            future.set_exception(loss)
        return future

    def take_idle_deaths(self) -> list[BatchLost]:
        return []

    def limit_workers(self, workers: int) -> None:
        self.workers = min(self.workers, workers)

    def stop(self) -> None:
        pass


def batches(*names: str) -> list[Batch]:
    return [Batch(items=tuple(Item(name, f"{name}.wav", 1, 1) for name in one)) for one in names]


def durations(engine: Engine, *names: str) -> dict[str, float]:
    return {one.id: one.duration_s for one in measure(JOB, batches(*names), engine, math.inf)}


@pytest.mark.parametrize("loss", [KILLED, CRASHED, BatchTimedOut(), WorkerCrashed(None)])
def test_a_loss_costs_no_other_item_its_measure(loss: BatchLost) -> None:
    """What HDF5 shards hold depends on all of them: a kill from outside once changed how they were cut."""
    engine = Engine({"b": [loss]})
    assert durations(engine, "abc", "def") == dict.fromkeys("abcdef", 1.0)
    first = ["a", "b", "c"] if loss.is_evidence else ["abc"]  # what may have come from outside is retried as it is
    assert engine.calls == ["abc", "def", *first]


@pytest.mark.parametrize("loss, tries", [(CRASHED, 2), (BatchTimedOut(), 2), (KILLED, 3), (WorkerCrashed(None), 3)])
def test_a_header_that_crashes_its_worker_alone_counts_for_nothing(loss: BatchLost, tries: int) -> None:
    engine = Engine({"b": [loss] * 10})
    assert durations(engine, "abc") == {"a": 1.0, "b": 0.0, "c": 1.0}
    assert engine.calls.count("b") == tries


def test_where_memory_runs_out_fewer_workers_go_on() -> None:
    engine = Engine({"a": [FOR_MEMORY]}, workers=4)
    assert durations(engine, "ab") == {"a": 1.0, "b": 1.0}
    assert engine.workers == 2


def test_workers_that_are_killed_at_once_are_halved_once() -> None:
    engine = Engine({name: [FOR_MEMORY] for name in "abcd"}, workers=16)
    assert durations(engine, *"abcdefgh") == dict.fromkeys("abcdefgh", 1.0)
    assert engine.workers == 8


def test_workers_that_only_die_end_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolation, "MAX_LOSSES_IN_A_ROW", 5)
    with pytest.raises(WorkersFailing, match="workers crash on every call: SIGSEGV"):
        durations(Engine({name: [CRASHED] * 10 for name in "abcdefghi"}), *"abcdefghi")


def test_the_users_time_for_an_item_holds_for_headers_too() -> None:
    engine = Engine({})
    job = Job(out="OUT", config=CONFIG, config_id="c", limits=Limits(timeout_per_item_s=3.0))
    assert len(list(measure(job, batches("abc"), engine, math.inf))) == 3
    assert engine.timeouts_s == [60 + 3 * 3.0]


def test_when_the_time_is_up_nobody_waits_any_longer() -> None:
    class Slow(Engine):
        def submit(self, function: Callable[[Any], Any], argument: Any, *, timeout_s: float) -> Future[Any]:
            return Future()

    with pytest.raises(TimeUp):
        list(measure(JOB, batches("a"), Slow({}), until_s=0.0))


def test_what_is_left_of_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("melcli.run.deadline.time.monotonic", lambda: 10.0)
    assert (remaining_s(math.inf), remaining_s(12.5), remaining_s(9.0)) == (None, 2.5, 0.0)
    done: Future[int] = Future()
    done.set_result(3)
    assert result_until(done, 9.0) == 3
