"""Run the tasks of ``melcli verify`` in workers, and report the outputs that crash one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from melcli.errors import WorkersFailing
from melcli.run.engines.contract import BatchLost, BatchTimedOut, Engine, WorkerCrashed
from melcli.run.isolation import Culprit, InFlight
from melcli.run.verify.task_result import TaskResult
from melcli.run.verify.tasks import CheckTask, RecomputeTask

__all__ = ["run_tasks"]


def run_tasks(engine: Engine, tasks: Iterable[CheckTask] | Iterable[RecomputeTask]) -> Iterator[TaskResult]:
    """Yield the result of each task, and the damages of the outputs that crash a worker.

    Raises
    ------
    WorkersFailing
        Workers crash on every task, or are killed from outside repeatedly.
    """
    in_flight: InFlight[CheckTask | RecomputeTask] = InFlight(engine, tasks)
    for found in in_flight.results():
        if isinstance(found, Culprit):
            if not found.error.is_evidence:
                effect = _effect(found.error)
                raise WorkersFailing(f"outputs cannot be checked: reading them {effect} each time") from found.error
            yield TaskResult(damages=tuple(found.task.crash_damages(_effect(found.error))))
        else:
            in_flight.retry(found.task.remaining_tasks())
            yield found.result


def _effect(error: BatchLost) -> str:
    """Return what the task did to its worker, for a sentence with the task as its subject."""
    if isinstance(error, BatchTimedOut):
        return "took too long and was stopped"
    stderr = f": {error.stderr}" if error.stderr else ""
    cause = error.exit_description if isinstance(error, WorkerCrashed) else "cause unknown"
    return f"crashed the worker ({cause}){stderr}"
