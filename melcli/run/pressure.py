"""Reduce the number of workers when the system kills one for memory."""

from __future__ import annotations

from melcli.run.engines.contract import Engine

__all__ = ["use_fewer_workers"]


def use_fewer_workers(engine: Engine, workers_then: int) -> str:
    """Halve the workers, unless that was done since the lost call was submitted.

    Parameters
    ----------
    engine : Engine
    workers_then : int
        Workers that there were when the call was submitted.  Where there are fewer by now, the loss is of the time
        before, as when several workers are killed at once.

    Returns
    -------
    warning : str
        Empty where nothing was changed.
    """
    if workers_then <= 1 or engine.workers < workers_then:
        return ""
    engine.limit_workers(workers_then // 2)
    return (
        f"the system killed a worker because memory ran out; continuing with {engine.workers} of {workers_then} workers"
    )
