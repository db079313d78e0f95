"""Run the tasks of ``melcli verify`` in workers, and report the outputs that crash one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from melcli.errors import WorkersFailing
from melcli.run.engines.contract import BatchLost, BatchOverdue, Engine, WorkerDied
from melcli.run.isolation import Culprit, InFlight
from melcli.run.verify.checked import Checked
from melcli.run.verify.tasks import CheckTask, RecomputeTask

__all__ = ["results"]


def results(engine: Engine, tasks: Iterable[CheckTask] | Iterable[RecomputeTask]) -> Iterator[Checked]:
    """Yield the result of each task, and the damages of those that crash their worker.

    Raises
    ------
    WorkersFailing
        Workers crash whatever they are asked, or are killed from outside again and again.
    """
    in_flight: InFlight[CheckTask | RecomputeTask] = InFlight(engine, tasks)
    for found in in_flight.results():
        if isinstance(found, Culprit):
            if not found.error.is_evidence:
                how = _how(found.error)
                raise WorkersFailing(f"outputs cannot be checked: reading them {how} each time") from found.error
            yield Checked(damages=tuple(found.task.killed(_how(found.error))))
        else:
            in_flight.retry(found.task.after_success())
            yield found.result


def _how(error: BatchLost) -> str:
    if isinstance(error, BatchOverdue):
        return "took too long and was ended"
    said = f": {error.stderr}" if error.stderr else ""
    return f"killed the process ({error.how if isinstance(error, WorkerDied) else 'it was lost'}){said}"
