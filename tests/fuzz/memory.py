"""How much memory one input may take, and whether one took more."""

from __future__ import annotations

import resource
from pathlib import Path

__all__ = ["MOST_MB", "over_limit", "peak_mb"]

MOST_MB = 600  # of the process that reads, of which 100 are there before the first input


def peak_mb() -> int:
    """Return the most memory that this process has had so far."""
    try:  # what getrusage says begins with the peak of the process that started this one
        status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
        return int(status.partition("VmHWM:")[2].split()[0]) // 1024
    except (OSError, IndexError):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def over_limit(before_mb: int) -> bool:
    """Tell whether the peak rose over the limit since it was ``before_mb``; it never falls, and counts once."""
    return before_mb < peak_mb() > MOST_MB
