"""Whether the system killed processes since memory ran out."""

from __future__ import annotations

import re

__all__ = ["oom_kills"]


def oom_kills() -> int:
    """Return how many processes the system has killed for memory since it started; 0 where it does not tell.

    Those of control groups, as of a container, are counted too (Linux 4.13 and later).
    """
    try:
        with open("/proc/vmstat", encoding="ascii") as file:
            found = re.search(r"^oom_kill (\d+)$", file.read(), re.MULTILINE)
    except OSError:
        return 0
    return int(found[1]) if found else 0
