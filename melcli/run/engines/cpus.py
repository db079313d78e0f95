"""The number of processors that this process can use."""

from __future__ import annotations

import math
import os
from pathlib import Path

from melcli.run.control_groups import CGROUP_ROOT, MEMBERSHIP, controller_groups

__all__ = ["cgroup_quota", "usable_cpus"]


def usable_cpus() -> int:
    """Return the processors left by affinity (taskset, SLURM) and by the control group's quota (containers).

    ``os.cpu_count()`` tells neither: in a container of two processors on a host of 64 it says 64.
    """
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = cgroup_quota(CGROUP_ROOT, MEMBERSHIP)
    return max(1, min(affinity, math.ceil(quota) if quota else affinity))


def cgroup_quota(root: Path, membership: Path) -> float | None:
    """Return the processors that a control group's quota amounts to, or None without one.

    Version 2 says ``max 100000`` or ``150000 100000`` (microseconds of each period) in ``cpu.max``; version 1 has a
    file for each.  The least of the own group's and its parents' quotas holds.
    """
    folders = controller_groups("cpu", root, membership)
    quotas = [_quota(folder / "cpu.max") or _old_quota(folder) for folder in folders]
    return min((quota for quota in quotas if quota), default=None)


def _quota(file: Path) -> float | None:
    try:
        allowed, period = file.read_text().split()
        return None if allowed == "max" else int(allowed) / int(period)
    except (OSError, ValueError):
        return None


def _old_quota(folder: Path) -> float | None:
    try:
        allowed = int((folder / "cpu.cfs_quota_us").read_text())
        return allowed / int((folder / "cpu.cfs_period_us").read_text()) if allowed > 0 else None
    except (OSError, ValueError):
        return None
