"""Reduce the number of workers when the system kills one for memory."""

from __future__ import annotations

from melcli.run.engines.contract import Engine

__all__ = ["use_fewer_workers"]


def use_fewer_workers(engine: Engine, workers_before: int) -> str:
    """Halve the number of workers, unless it was reduced since the lost call was submitted.

    Parameters
    ----------
    engine : Engine
    workers_before : int
        Number of workers when the call was submitted.  If the number is lower now, the loss preceded the reduction, as
        when the system kills several workers at once.

    Returns
    -------
    warning : str
        Empty if the number of workers did not change.
    """
    if workers_before <= 1 or engine.workers < workers_before:
        return ""
    engine.limit_workers(workers_before // 2)
    return (
        "the system killed a worker because memory ran out; "
        f"continuing with {engine.workers} of {workers_before} workers"
    )
