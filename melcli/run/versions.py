"""Versions and kernels of the libraries that compute, as a worker reports them."""

from __future__ import annotations

import math
from collections.abc import Mapping

from melcli.errors import WorkersFailing
from melcli.run.deadline import result_until
from melcli.run.engines.contract import BatchLost, Engine
from melcli.run.watchdog import last_line
from melcli.run.worker_tasks import library_versions

__all__ = ["ask_versions", "other_kernels", "other_versions"]

STARTING_S = 120  # that a worker may take to import what it needs, from a slow network disk
SHOWN = 100  # characters of what melcli.yaml says
TRIES = 3  # a worker can be killed from outside just then
KERNELS = ("blas", "simd")  # among the versions: what a library chose by the processor or by the environment


def ask_versions(engine: Engine, *, until_s: float = math.inf) -> dict[str, str]:
    """Ask a worker.

    Raises
    ------
    TimeUp
        It has not answered by then, by `time.monotonic`.
    WorkersFailing
        One after another was lost with it.
    """
    lost: list[BatchLost] = []
    while len(lost) < TRIES:
        try:
            return result_until(engine.submit(library_versions, None, timeout_s=STARTING_S), until_s)
        except BatchLost as error:
            lost.append(error)
    raise WorkersFailing(f"the workers cannot work: {last_line(lost[-1].stderr) or lost[-1]}") from lost[-1]


def other_versions(made_by: Mapping[str, str], now: Mapping[str, str]) -> bool:
    """Tell whether other libraries made the numbers of an OUT.

    Parameters
    ----------
    made_by : Mapping of str to str
        What melcli.yaml says.
    now : Mapping of str to str
        What this run computes with.
    """
    return any(made_by.get(name) != now.get(name) for name in {*made_by, *now}.difference(KERNELS))


def other_kernels(made_by: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Return what differs of the kernels, such as ``blas Haswell and now Zen``; an OUT of before may not say them."""
    names = [name for name in KERNELS if name in made_by and made_by[name] != now.get(name)]
    return [f"{name} {made_by[name][:SHOWN]} and now {now.get(name)}" for name in names]
