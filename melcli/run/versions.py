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

TIMEOUT_S = 120  # generous, for imports from a slow network disk
MAX_SHOWN_CHARS = 100  # of a value in melcli.yaml
MAX_ATTEMPTS = 3  # a worker can be killed from outside
KERNELS = ("blas", "simd")  # the entries that depend on the processor or on the environment


def ask_versions(engine: Engine, *, until_s: float = math.inf) -> dict[str, str]:
    """Return the versions and kernels of a worker.

    Parameters
    ----------
    engine : Engine
    until_s : float
        When to stop, by `time.monotonic`.

    Raises
    ------
    TimeUp
        No worker answered by ``until_s``.
    WorkersFailing
        `MAX_ATTEMPTS` workers crashed.
    """
    lost: list[BatchLost] = []
    while len(lost) < MAX_ATTEMPTS:
        try:
            return result_until(engine.submit(library_versions, None, timeout_s=TIMEOUT_S), until_s)
        except BatchLost as error:
            lost.append(error)
    raise WorkersFailing(f"workers crash on every call: {last_line(lost[-1].stderr) or lost[-1]}") from lost[-1]


def other_versions(made_by: Mapping[str, str], now: Mapping[str, str]) -> bool:
    """Return whether the outputs of an OUT were made with other library versions.

    Parameters
    ----------
    made_by : Mapping of str to str
        The versions in melcli.yaml.
    now : Mapping of str to str
        The versions of this run.
    """
    return any(made_by.get(name) != now.get(name) for name in {*made_by, *now}.difference(KERNELS))


def other_kernels(made_by: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Return the kernels that differ, such as ``blas Haswell and now Zen``; an older OUT may not contain them."""
    names = [name for name in KERNELS if name in made_by and made_by[name] != now.get(name)]
    return [f"{name} {made_by[name][:MAX_SHOWN_CHARS]} and now {now.get(name)}" for name in names]
