"""Count the processes that the system killed because memory ran out."""

from __future__ import annotations

import re
from pathlib import Path

from melcli.run.control_groups import CGROUP_ROOT, MEMBERSHIP
from melcli.run.memory_limit import memory_groups

__all__ = ["count_oom_kills"]

VMSTAT = Path("/proc/vmstat")


def count_oom_kills(root: Path = CGROUP_ROOT, membership: Path = MEMBERSHIP, vmstat: Path = VMSTAT) -> int:
    """Return the number of processes of this control group that the system killed because memory ran out.

    Since Linux 4.13, groups have the count: ``oom_kill`` in ``memory.events`` (version 2) or ``memory.oom_control``
    (version 1).  Without it, the count is that of the whole system, or 0 if that is unknown too.
    """
    for folder in memory_groups(root, membership):
        for name in ("memory.events", "memory.oom_control"):
            if (number := _read_count(folder / name)) is not None:
                return number
    return _read_count(vmstat) or 0


def _read_count(file: Path) -> int | None:
    try:
        found = re.search(r"^oom_kill (\d+)$", file.read_text(encoding="ascii"), re.MULTILINE)
    except OSError:
        return None
    return int(found[1]) if found else None
