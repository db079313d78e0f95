"""Engines of the tests that need no process of their own."""

from __future__ import annotations

import math
import time
import weakref
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event
from typing import Any

from melcli.run.batching import Batch
from melcli.run.engines.contract import Advance, BatchLost
from melcli.run.worker_tasks import run_batch

__all__ = ["InlineEngine", "ScriptedEngine"]


class InlineEngine:
    """Does every call at once, in this process: a whole run takes 20 ms rather than half a second.

    Parameters
    ----------
    workers : int
        As many as it says that it has.
    before : callable
        Is given every argument before its call; what it raises is the future's exception.
    folder, imports, max_memory_bytes
        As `LocalEngine` has them; this process needs none of it.
    """

    def __init__(
        self,
        workers: int,
        before: Callable[[Any], None] = lambda argument: None,
        *,
        folder: str | None = None,
        imports: Sequence[str] = (),
        max_memory_bytes: int | None = None,
    ) -> None:
        self.workers = workers
        self._before = before

    start_problem = ""
    in_progress: Advance = Advance()

    def start(self, until_s: float = math.inf) -> None:
        pass

    def take_idle_deaths(self) -> list[BatchLost]:
        return []

    def limit_workers(self, workers: int) -> None:
        self.workers = min(self.workers, workers)

    def submit(self, function: Callable[[Any], Any], argument: Any, *, timeout_s: float) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            self._before(argument)
            future.set_result(function(argument))
        except Exception as error:  # noqa: BLE001  an engine hands over whatever was raised
            future.set_exception(error)
        return future

    def stop(self) -> None:
        pass


class ScriptedEngine:
    """Does no work: answers by a script, one call after another, from a thread.

    Parameters
    ----------
    workers : int
        As many as it says that it has.
    script : callable
        From a batch, and whether it is only tried, to its rows; may raise.

    Attributes
    ----------
    calls : list
        Whether it was a trial, and the batch, of every call in order.
    open : int
        Calls that were submitted and not yet answered.
    most_open : int
        The most calls that were handed out and not yet answered.
    most_kept : int
        The most futures that somebody still held when a further call came.
    released : Event
        Scripts that wait for it are let go by `stop`.
    """

    def __init__(self, workers: int, script: Callable[[Batch, bool], Any]) -> None:
        self.workers = workers
        self.calls: list[tuple[bool, Batch]] = []
        self.most_open = 0
        self.most_kept = 0
        self.released = Event()
        self._script = script
        self.open = 0
        self._futures: list[weakref.ref[Future[Any]]] = []
        self._thread = ThreadPoolExecutor(1)

    start_problem = ""
    in_progress: Advance = Advance()

    def start(self, until_s: float = math.inf) -> None:
        pass

    def take_idle_deaths(self) -> list[BatchLost]:
        return []

    def limit_workers(self, workers: int) -> None:
        self.workers = min(self.workers, workers)

    def answer_by(self, script: Callable[[Batch, bool], Any]) -> None:
        """Answer by another script from now on."""
        self._script = script

    def submit(self, function: Callable[[Any], Any], argument: Any, *, timeout_s: float) -> Future[Any]:
        trial = function is not run_batch
        _, batch = argument
        self.calls.append((trial, batch))
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        self.most_kept = max(self.most_kept, sum(future() is not None for future in self._futures))
        future: Future[Any] = Future()
        self._futures.append(weakref.ref(future))
        self._thread.submit(self._answer, [future], batch, trial)
        return future

    def _answer(self, futures: list[Future[Any]], batch: Batch, trial: bool) -> None:
        time.sleep(0.001)
        try:
            answer = self._script(batch, trial)
        except Exception as error:  # noqa: BLE001  an engine hands over whatever was raised
            self.open -= 1
            futures.pop().set_exception(error)
        else:
            self.open -= 1
            futures.pop().set_result(answer)

    def stop(self) -> None:
        self.released.set()
        self._thread.shutdown()
