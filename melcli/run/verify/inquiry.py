"""Run tasks of ``melcli verify`` in workers, and isolate the item that crashes one."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import Any

from melcli.errors import WorkersFailing
from melcli.run.engines.contract import BatchLost, BatchOverdue, Engine, WorkerDied
from melcli.run.pressure import use_fewer_workers
from melcli.run.verify.tasks import Checked, CheckTask, RecomputeTask
from melcli.run.versions import ask_versions

__all__ = ["results"]

TASKS_PER_WORKER = 2  # one at work and one waiting, so that memory does not grow with OUT
MAX_UNEXPLAINED = 1  # times that a task is lost without a cause before its items are looked at
MOST_LOSSES_IN_A_ROW = 20  # after which it is asked whether the workers can work at all


def results(
    engine: Engine, function: Callable[[Any], Checked], tasks: Iterable[CheckTask] | Iterable[RecomputeTask]
) -> Iterator[Checked]:
    """Have tasks done, a few at a time, and look into those that a worker died of.

    Raises
    ------
    WorkersFailing
        The workers die whatever they are asked.
    """
    yield from _Isolation(engine, function, tasks).results()


class _Isolation:
    """Tasks in flight, and those that are run again because a worker crashed."""

    def __init__(self, engine: Engine, function: Callable[[Any], Checked], tasks: Iterable[Any]) -> None:
        self._engine = engine
        self._function = function
        self._fresh: Iterator[Any] = iter(tasks)
        self._again: deque[tuple[Any, int]] = deque()
        self._in_flight: dict[Future[Checked], tuple[Any, int, int]] = {}
        self._losses = 0

    def results(self) -> Iterator[Checked]:
        while self._dispatch():
            for future in wait(self._in_flight, return_when=FIRST_COMPLETED).done:
                task, unexplained, workers_then = self._in_flight.pop(future)
                try:
                    checked = future.result()
                except BatchLost as error:
                    yield from self._lost(error, task, unexplained, workers_then)
                else:
                    self._losses = 0
                    self._again.extendleft((each, 0) for each in reversed(task.after_success()))
                    yield checked

    def _dispatch(self) -> bool:
        """Submit tasks; tell whether any is in flight."""
        workers = self._engine.workers
        while len(self._in_flight) < TASKS_PER_WORKER * workers:
            task, unexplained = self._again.popleft() if self._again else (next(self._fresh, None), 0)
            if task is None:
                break
            future = self._engine.submit(self._function, task, timeout_s=task.timeout_s)
            self._in_flight[future] = task, unexplained, workers
        return bool(self._in_flight)

    def _lost(self, error: BatchLost, task: Any, unexplained: int, workers_then: int) -> Iterator[Checked]:
        """Run the task again, or its parts; yield the damage where a single item crashes the worker."""
        if error.for_memory and workers_then > 1:
            use_fewer_workers(self._engine, workers_then)
            self._again.appendleft((task, unexplained))
            return
        self._losses = _count_loss(self._losses, self._engine)
        if not error.is_evidence and unexplained < MAX_UNEXPLAINED:
            self._again.appendleft((task, unexplained + 1))
            return
        further = task.after_loss()
        self._again.extendleft((each, 0) for each in reversed(further))
        if not further and not error.is_evidence:
            raise WorkersFailing(f"outputs cannot be checked: reading them {_how(error)} each time") from error
        if not further:
            yield Checked(damages=tuple(task.killed(_how(error))))


def _count_loss(losses: int, engine: Engine) -> int:
    if losses + 1 < MOST_LOSSES_IN_A_ROW:
        return losses + 1
    ask_versions(engine)
    return 0


def _how(error: BatchLost) -> str:
    if isinstance(error, BatchOverdue):
        return "took too long and was ended"
    said = f": {error.stderr}" if error.stderr else ""
    return f"killed the process ({error.how if isinstance(error, WorkerDied) else 'it was lost'}){said}"
