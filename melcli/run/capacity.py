"""Check that the limits of this process and its control group are sufficient for the workers."""

from __future__ import annotations

import resource
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from melcli.run.control_groups import CGROUP_ROOT, MEMBERSHIP
from melcli.run.memory_limit import cgroup_memory
from melcli.run.process_limit import free_tasks, soft_limit, user_task_limit

__all__ = ["Capacity", "capacity_warnings", "read_capacity"]

Format = Literal["npy", "hdf5"]

# Lower bounds: the lowest memory.limit_in_bytes of a control group in which `melcli extract -j N` ended without a kill.
# Measured with Python 3.11, NumPy 2.4, SciPy 1.17 and h5py 3.16 on x86-64 Linux, with 120 FLAC files of ten seconds.
# Libraries and cached files hardly count, since the kernel can drop them.  Longer files need more.
DRIVER_BYTES = 22_000_000
WORKER_BYTES: Mapping[Format, int] = {"npy": 37_000_000, "hdf5": 51_000_000}
# The peaks of VmPeak and VmData in /proc/PID/status, of a worker in the same runs with hdf5.  VmPeak includes all of
# the libraries, and both include the stacks of threads.
WORKER_ADDRESS_SPACE_BYTES = 345_000_000
WORKER_DATA_BYTES = 172_000_000
# The main thread, and the thread that waits for the driver's end.  Threads that flush files are optional.
TASKS_PER_WORKER = 2
DRIVER_TASKS_TO_START = 2  # the threads of the pool and of the launcher


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """Limits; None means no limit, or a limit that cannot be read.

    Attributes
    ----------
    group_memory_bytes : int or None
        Memory of all processes of the control group.
    address_space_bytes : int or None
        Address space of each process (ulimit -v).
    data_bytes : int or None
        Data of each process (ulimit -d).
    group_free_tasks : int or None
        Further processes and threads that the control group allows.
    user_tasks : int or None
        All processes and threads of the user (ulimit -u).
    """

    group_memory_bytes: int | None = None
    address_space_bytes: int | None = None
    data_bytes: int | None = None
    group_free_tasks: int | None = None
    user_tasks: int | None = None


def read_capacity() -> Capacity:
    """Read the limits from the system."""
    return Capacity(
        group_memory_bytes=cgroup_memory(CGROUP_ROOT, MEMBERSHIP),
        address_space_bytes=soft_limit(resource.RLIMIT_AS),
        data_bytes=soft_limit(resource.RLIMIT_DATA),
        group_free_tasks=free_tasks(CGROUP_ROOT, MEMBERSHIP),
        user_tasks=user_task_limit(),
    )


def capacity_warnings(capacity: Capacity, *, workers: int, format_: Format) -> list[str]:
    """Return a warning for each limit that is too low for the workers."""
    warnings = (
        _group_memory_warning(capacity.group_memory_bytes, workers, WORKER_BYTES[format_]),
        _process_warning(capacity.address_space_bytes, WORKER_ADDRESS_SPACE_BYTES, "address space (ulimit -v)"),
        _process_warning(capacity.data_bytes, WORKER_DATA_BYTES, "data (ulimit -d)"),
        _task_warning(capacity.group_free_tasks, workers, "the control group allows only {} more"),
        _task_warning(capacity.user_tasks, workers, "the limit of this user (ulimit -u) is {}"),
    )
    return [warning for warning in warnings if warning]


def _group_memory_warning(limit_bytes: int | None, workers: int, worker_bytes: int) -> str:
    need_bytes = DRIVER_BYTES + workers * worker_bytes
    if limit_bytes is None or limit_bytes >= need_bytes:
        return ""
    advice = _advice((limit_bytes - DRIVER_BYTES) // worker_bytes, workers)
    return (
        f"the memory limit of this control group is {_mb(limit_bytes)}; {_workers(workers)} at least "
        f"{_mb(need_bytes)}: {advice}"
    )


def _process_warning(limit_bytes: int | None, need_bytes: int, quantity: str) -> str:
    if limit_bytes is None or limit_bytes >= need_bytes:
        return ""
    return f"the limit on {quantity} is {_mb(limit_bytes)}; a worker needs about {_mb(need_bytes)}: raise the limit"


def _task_warning(max_tasks: int | None, workers: int, limit: str) -> str:
    need = DRIVER_TASKS_TO_START + workers * TASKS_PER_WORKER
    if max_tasks is None or max_tasks >= need:
        return ""
    advice = _advice((max_tasks - DRIVER_TASKS_TO_START) // TASKS_PER_WORKER, workers)
    return f"too few processes and threads: {limit.format(f'{max_tasks:,}')}; {_workers(workers)} {need:,}: {advice}"


def _workers(workers: int) -> str:
    return "1 worker needs" if workers == 1 else f"{workers:,} workers need"


def _advice(max_workers: int, workers: int) -> str:
    return f"use -j {max_workers}, or raise the limit" if 1 <= max_workers < workers else "raise the limit"


def _mb(number: int) -> str:
    return f"{number / 1_000_000:,.0f} MB"
