"""The memory that this process can use: physical memory and the limit of the control group."""

from __future__ import annotations

import os
from pathlib import Path

from melcli.run.control_groups import CGROUP_ROOT, MEMBERSHIP, controller_groups

__all__ = ["cgroup_memory", "memory_groups", "physical_memory_bytes", "usable_memory_bytes"]

NO_LIMIT_BYTES = 1 << 62  # version 1 has a value near 2**63 for no limit


def usable_memory_bytes() -> int:
    """Return the smaller of physical memory and the control group's limit, in bytes."""
    limit = cgroup_memory(CGROUP_ROOT, MEMBERSHIP)
    return physical_memory_bytes() if limit is None else min(limit, physical_memory_bytes())


def physical_memory_bytes() -> int:
    """Return the physical memory of the machine, in bytes."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def cgroup_memory(root: Path, membership: Path) -> int | None:
    """Return the lowest memory limit of the control group and its parents, in bytes; None without a limit."""
    files = [
        folder / name
        for folder in memory_groups(root, membership)
        for name in ("memory.max", "memory.limit_in_bytes")  # of version 2 and of version 1
    ]
    return min((limit for limit in map(_bytes_in, files) if limit is not None), default=None)


def memory_groups(root: Path, membership: Path) -> list[Path]:
    """Return the folders of this process's control group for memory and its parents, the own group first."""
    return controller_groups("memory", root, membership)


def _bytes_in(file: Path) -> int | None:
    try:
        limit = int(file.read_text())
    except (OSError, ValueError):  # "max"
        return None
    return limit if limit < NO_LIMIT_BYTES else None
