"""The memory limit for an input, and the check of it."""

from __future__ import annotations

import resource
from pathlib import Path

__all__ = ["MOST_MB", "over_limit", "peak_mb"]

MOST_MB = 600  # of the process that reads, of which 100 are there before the first input


def peak_mb() -> int:
    """Return the peak memory of this process."""
    try:  # getrusage would include the peak of the parent process
        status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
        return int(status.partition("VmHWM:")[2].split()[0]) // 1024
    except (OSError, IndexError):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def over_limit(before_mb: int) -> bool:
    """Return whether the peak exceeded the limit since it was ``before_mb``; it never falls, so it counts once."""
    return before_mb < peak_mb() > MOST_MB
