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

__all__ = ["Machine", "examine_machine"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """None stands for what has no limit or is not told.

    Attributes
    ----------
    system : str
        Name and release of the operating system's kernel, and the processor's kind.
    python : str
        Version.
    cpus, affinity_cpus, usable_cpus : int
        In the machine, left by taskset or SLURM, and left by the control group's quota too.
    quota_cpus : float or None
        That quota.
    memory_bytes : int
        In the machine.
    memory_limit_bytes : int or None
        The least of the control group's limit and the limits on address space and data (ulimit -v, -d).
    open_files : int or None
        That a process may have open.
    file_size_bytes : int or None
        That a file may grow to (ulimit -f).
    core_bytes : int or None
        Of a core dump (ulimit -c); workers write none in any case.
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


def examine_machine() -> Machine:
    """Ask the system."""
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
