"""Check that limits of this process and its control group suffice for the workers."""

from __future__ import annotations

import resource
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from melcli.run.control_groups import CGROUP_ROOT, MEMBERSHIP
from melcli.run.memory_limit import cgroup_memory
from melcli.run.process_limit import free_tasks, soft_limit, user_task_limit

__all__ = ["Capacity", "capacity_warnings", "examine_capacity"]

Format = Literal["npy", "hdf5"]

# Measured with Python 3.11, NumPy 2.4, SciPy 1.17 and h5py 3.16 on x86-64 Linux, and 120 FLAC files of ten seconds: the
# least memory.limit_in_bytes of a control group in which `melcli extract -j N` ended without a kill.  Libraries and
# files in memory hardly count, since the kernel can drop them.  Longer files need more.  So less is too little.
DRIVER_BYTES = 22_000_000
WORKER_BYTES: Mapping[Format, int] = {"npy": 37_000_000, "hdf5": 51_000_000}
# The peaks of VmPeak and VmData in /proc/PID/status, of a worker of the same runs with hdf5.  Libraries count in full
# in VmPeak, and the stacks of threads in both.
WORKER_ADDRESS_SPACE_BYTES = 345_000_000
WORKER_DATA_BYTES = 172_000_000
# The main thread and the one that waits for the driver's end; threads that flush files are not necessary.
TASKS_PER_WORKER = 2
DRIVER_TASKS_TO_START = 2  # threads: the one of the pool and the one that starts processes


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """Limits; None is no limit, or one that cannot be read.

    Attributes
    ----------
    group_memory_bytes : int or None
        Of the control group, for all its processes.
    address_space_bytes : int or None
        Of each process (ulimit -v).
    data_bytes : int or None
        Of each process (ulimit -d).
    group_free_tasks : int or None
        Processes and threads that the control group still allows.
    user_tasks : int or None
        Processes and threads that the user may have in all (ulimit -u).
    """

    group_memory_bytes: int | None = None
    address_space_bytes: int | None = None
    data_bytes: int | None = None
    group_free_tasks: int | None = None
    user_tasks: int | None = None


def examine_capacity() -> Capacity:
    """Ask the system."""
    return Capacity(
        group_memory_bytes=cgroup_memory(CGROUP_ROOT, MEMBERSHIP),
        address_space_bytes=soft_limit(resource.RLIMIT_AS),
        data_bytes=soft_limit(resource.RLIMIT_DATA),
        group_free_tasks=free_tasks(CGROUP_ROOT, MEMBERSHIP),
        user_tasks=user_task_limit(),
    )


def capacity_warnings(capacity: Capacity, *, workers: int, format_: Format) -> list[str]:
    """Name the limits that are under what the workers need."""
    found = (
        _memory(capacity.group_memory_bytes, workers, WORKER_BYTES[format_]),
        _for_each_process(capacity.address_space_bytes, WORKER_ADDRESS_SPACE_BYTES, "address space (ulimit -v)"),
        _for_each_process(capacity.data_bytes, WORKER_DATA_BYTES, "data (ulimit -d)"),
        _tasks(capacity.group_free_tasks, workers, "the control group allows only {} more"),
        _tasks(capacity.user_tasks, workers, "the limit of this user (ulimit -u) is {}"),
    )
    return [warning for warning in found if warning]


def _memory(limit_bytes: int | None, workers: int, worker_bytes: int) -> str:
    need_bytes = DRIVER_BYTES + workers * worker_bytes
    if limit_bytes is None or limit_bytes >= need_bytes:
        return ""
    advice = _advice((limit_bytes - DRIVER_BYTES) // worker_bytes, workers)
    return (
        f"the memory limit of this control group is {_mb(limit_bytes)}; {_workers(workers)} at least "
        f"{_mb(need_bytes)}: {advice}"
    )


def _for_each_process(limit_bytes: int | None, need_bytes: int, what: str) -> str:
    if limit_bytes is None or limit_bytes >= need_bytes:
        return ""
    return f"the limit on {what} is {_mb(limit_bytes)}; a worker needs about {_mb(need_bytes)}: raise the limit"


def _tasks(most: int | None, workers: int, what: str) -> str:
    need = DRIVER_TASKS_TO_START + workers * TASKS_PER_WORKER
    if most is None or most >= need:
        return ""
    advice = _advice((most - DRIVER_TASKS_TO_START) // TASKS_PER_WORKER, workers)
    return f"processes and threads are short: {what.format(f'{most:,}')}; {_workers(workers)} {need:,}: {advice}"


def _workers(workers: int) -> str:
    return "1 worker needs" if workers == 1 else f"{workers:,} workers need"


def _advice(fitting: int, workers: int) -> str:
    return f"use -j {fitting}, or raise the limit" if 1 <= fitting < workers else "raise the limit"


def _mb(number: int) -> str:
    return f"{number / 1_000_000:,.0f} MB"
