"""The versions of what makes the numbers, and with them whether workers can work at all."""

from __future__ import annotations

from melcli.errors import WorkersFailing
from melcli.run.calls import library_versions
from melcli.run.engines.contract import BatchLost, Engine
from melcli.run.guard import last_line

__all__ = ["ask_versions"]

STARTING_S = 120  # that a worker may take to import what it needs, from a slow network disk
TRIES = 3  # a worker can be killed from outside just then


def ask_versions(engine: Engine) -> dict[str, str]:
    """Ask a worker.

    Raises
    ------
    WorkersFailing
        One after another was lost with it.
    """
    lost: list[BatchLost] = []
    while len(lost) < TRIES:
        try:
            return engine.submit(library_versions, None, timeout_s=STARTING_S).result()
        except BatchLost as error:  # noqa: PERF203  rarely
            lost.append(error)
    raise WorkersFailing(f"the workers cannot work: {last_line(lost[-1].said) or lost[-1]}") from lost[-1]
