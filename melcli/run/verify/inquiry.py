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
    fresh: Iterator[Any] = iter(tasks)
    again: deque[tuple[Any, int]] = deque()
    in_flight: dict[Future[Checked], tuple[Any, int, int]] = {}
    losses = 0
    while True:
        while len(in_flight) < TASKS_PER_WORKER * engine.workers:
            task, unexplained = again.popleft() if again else (next(fresh, None), 0)
            if task is None:
                break
            in_flight[engine.submit(function, task, timeout_s=task.timeout_s)] = task, unexplained, engine.workers
        if not in_flight:
            return
        for future in wait(in_flight, return_when=FIRST_COMPLETED).done:
            task, unexplained, workers_then = in_flight.pop(future)
            try:
                checked = future.result()
            except BatchLost as error:
                if error.for_memory and workers_then > 1:
                    use_fewer_workers(engine, workers_then)
                    again.appendleft((task, unexplained))
                    continue
                losses = _count_loss(losses, engine)
                if not error.is_evidence and unexplained < MAX_UNEXPLAINED:
                    again.appendleft((task, unexplained + 1))
                    continue
                further = task.after_loss()
                again.extendleft((each, 0) for each in reversed(further))
                if not further and not error.is_evidence:
                    raise WorkersFailing(f"outputs cannot be checked: reading them {_how(error)} each time") from error
                if not further:
                    yield Checked(damages=tuple(task.killed(_how(error))))
            else:
                losses = 0
                again.extendleft((each, 0) for each in reversed(task.after_success()))
                yield checked


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
