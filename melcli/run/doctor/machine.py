"""Processors, memory and open files that this process can use."""

from __future__ import annotations

import os
import platform
import resource
from dataclasses import dataclass

from melcli.run.control_groups import CGROUP_ROOT, MEMBERSHIP
from melcli.run.engines.cpus import cgroup_quota, usable_cpus
from melcli.run.memory_limit import cgroup_memory, physical_memory_bytes
from melcli.run.process_limit import soft_limit

__all__ = ["Machine", "inspect_machine"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """Resources of this machine, and the limits of this process.

    The names of the attributes are keys of ``--json``.  A limit is None if it is unlimited or unknown.

    Attributes
    ----------
    system : str
        Name and release of the kernel, and architecture of the processor.
    python : str
        The version of Python.
    cpus, affinity_cpus, usable_cpus : int
        Processors in the machine, allowed by affinity (taskset, SLURM), and allowed by the control group's quota too.
    quota_cpus : float or None
        The control group's quota, in processors.
    memory_bytes : int
        Physical memory.
    memory_limit_bytes : int or None
        The lowest of the limits of control group, address space (ulimit -v) and data (ulimit -d).
    open_files : int or None
        The limit of open files.
    file_size_bytes : int or None
        The limit of the size of a file (ulimit -f).
    core_bytes : int or None
        The limit of the size of a core dump (ulimit -c); workers never write one.
    """

    system: str
    python: str
    cpus: int
    affinity_cpus: int
    quota_cpus: float | None
    usable_cpus: int
    memory_bytes: int
    memory_limit_bytes: int | None
    open_files: int | None
    file_size_bytes: int | None
    core_bytes: int | None


def inspect_machine() -> Machine:
    """Read the resources and limits from the system."""
    cpus = os.cpu_count() or 1
    limits = [cgroup_memory(CGROUP_ROOT, MEMBERSHIP), soft_limit(resource.RLIMIT_AS), soft_limit(resource.RLIMIT_DATA)]
    return Machine(
        system=f"{platform.system()} {platform.release()}, {platform.machine()}",
        python=platform.python_version(),
        cpus=cpus,
        affinity_cpus=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else cpus,
        quota_cpus=cgroup_quota(CGROUP_ROOT, MEMBERSHIP),
        usable_cpus=usable_cpus(),
        memory_bytes=physical_memory_bytes(),
        memory_limit_bytes=min((limit for limit in limits if limit is not None), default=None),
        open_files=soft_limit(resource.RLIMIT_NOFILE),
        file_size_bytes=soft_limit(resource.RLIMIT_FSIZE),
        core_bytes=soft_limit(resource.RLIMIT_CORE),
    )
