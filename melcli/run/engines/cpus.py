"""The number of processors that this process can use."""

from __future__ import annotations

import math
import os
from pathlib import Path

from melcli.run.control_groups import CGROUP_ROOT, MEMBERSHIP, controller_groups

__all__ = ["cgroup_quota", "usable_cpus"]


def usable_cpus() -> int:
    """Return the number of processors that affinity (taskset, SLURM) and the control group's quota (containers) allow.

    ``os.cpu_count()`` ignores both: in a container with 2 processors on a host with 64 it returns 64.
    """
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = cgroup_quota(CGROUP_ROOT, MEMBERSHIP)
    return max(1, min(affinity, math.ceil(quota) if quota else affinity))


def cgroup_quota(root: Path, membership: Path) -> float | None:
    """Return the number of processors that the control group's quota allows; None without a quota.

    Version 2 has ``max 100000`` or ``150000 100000`` (microseconds per period) in ``cpu.max``; version 1 has two files.
    The lowest quota of the group and its parents applies.
    """
    folders = controller_groups("cpu", root, membership)
    quotas = [_quota_v2(folder / "cpu.max") or _quota_v1(folder) for folder in folders]
    return min((quota for quota in quotas if quota), default=None)


def _quota_v2(file: Path) -> float | None:
    try:
        allowed, period = file.read_text().split()
        return None if allowed == "max" else int(allowed) / int(period)
    except (OSError, ValueError):
        return None


def _quota_v1(folder: Path) -> float | None:
    try:
        allowed = int((folder / "cpu.cfs_quota_us").read_text())
        return allowed / int((folder / "cpu.cfs_period_us").read_text()) if allowed > 0 else None
    except (OSError, ValueError):
        return None
