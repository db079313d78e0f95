"""Test engines without separate processes."""

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
    """Makes every call at once, in this process: a whole run takes 20 ms instead of half a second.

    Parameters
    ----------
    workers : int
        Number of workers to report.
    before : callable
        Called with every argument before its call; an exception becomes that of the future.
    folder, imports, max_memory_bytes
        As for `LocalEngine`; ignored here.
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
    """Answers calls by a script, in order, from a thread.

    Parameters
    ----------
    workers : int
        Number of workers to report.
    script : callable
        Returns the rows of a batch; its second argument is whether the batch is a trial.  May raise.

    Attributes
    ----------
    calls : list
        For every call in order, whether it was a trial, and the batch.
    open : int
        Number of calls in flight.
    most_open : int
        Maximum number of calls in flight.
    most_kept : int
        Maximum number of futures that were still referenced when another call came.
    released : Event
        Set by `stop`; scripts may wait for it.
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
        """Use another script from now on."""
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
