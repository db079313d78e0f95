"""The number of processors that this process can use."""

from __future__ import annotations

import math
import os
from pathlib import Path

__all__ = ["CGROUP_ROOT", "cgroup_quota", "controller_groups", "group_folders", "usable_cpus"]

CGROUP_ROOT = Path("/sys/fs/cgroup")


def usable_cpus() -> int:
    """Return the processors left by affinity (taskset, SLURM) and by the control group's quota (containers).

    ``os.cpu_count()`` tells neither: in a container of two processors on a host of 64 it says 64.
    """
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = cgroup_quota(CGROUP_ROOT, Path("/proc/self/cgroup"))
    return max(1, min(affinity, math.ceil(quota) if quota else affinity))


def cgroup_quota(root: Path, membership: Path) -> float | None:
    """Return the processors that a control group's quota amounts to, or None without one.

    Version 2 says ``max 100000`` or ``150000 100000`` (microseconds of each period) in ``cpu.max``; version 1 has a
    file for each.  The least of the own group's and its parents' quotas holds.
    """
    try:
        lines = membership.read_text().splitlines()
    except OSError:
        return None
    quotas = []
    for line in lines:
        _, controllers, group = line.split(":", 2)
        if not controllers:
            quotas += [_quota(folder / "cpu.max") for folder in group_folders(root, group)]
        elif "cpu" in controllers.split(","):
            quotas += [_old_quota(folder) for folder in group_folders(root / "cpu", group)]
    return min((quota for quota in quotas if quota), default=None)


def group_folders(root: Path, group: str) -> list[Path]:
    """List a group's folder and those above it; inside a container only the root may be there."""
    own = root / group.lstrip("/")
    return [own, *(parent for parent in own.parents if parent.is_relative_to(root))]


def controller_groups(controller: str, root: Path, membership: Path) -> list[Path]:
    """List the folders of this process's control group for a controller and of those above it, its own one first."""
    try:
        lines = membership.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return []
    folders: list[Path] = []
    for line in lines:
        _, controllers, group = line.split(":", 2)
        if not controllers:
            folders += group_folders(root, group)
        elif controller in controllers.split(","):
            folders += group_folders(root / controller, group)
    return folders


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
