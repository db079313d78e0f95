"""Detect processes that the system killed for memory."""

from __future__ import annotations

import re
from pathlib import Path

from melcli.run.control_groups import CGROUP_ROOT, MEMBERSHIP
from melcli.run.memory_limit import memory_groups

__all__ = ["oom_kills"]

VMSTAT = Path("/proc/vmstat")


def oom_kills(root: Path = CGROUP_ROOT, membership: Path = MEMBERSHIP, vmstat: Path = VMSTAT) -> int:
    """Return how many processes of this control group the system has killed because memory ran out.

    Where no group says it, those of the whole system are counted; 0 where nothing is known.  Groups say it since Linux
    4.13: ``oom_kill`` in ``memory.events`` of version 2 and in ``memory.oom_control`` of version 1.
    """
    for folder in memory_groups(root, membership):
        for name in ("memory.events", "memory.oom_control"):
            if (number := _count_in(folder / name)) is not None:
                return number
    return _count_in(vmstat) or 0


def _count_in(file: Path) -> int | None:
    try:
        found = re.search(r"^oom_kill (\d+)$", file.read_text(encoding="ascii"), re.MULTILINE)
    except OSError:
        return None
    return int(found[1]) if found else None
