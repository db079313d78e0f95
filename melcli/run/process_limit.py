"""Limits on processes, threads and memory that the system sets."""

from __future__ import annotations

import os
import resource
from pathlib import Path

from melcli.run.control_groups import controller_groups

__all__ = ["free_tasks", "soft_limit", "user_task_limit"]


def soft_limit(which: int) -> int | None:
    """Return a limit of this process, such as `resource.RLIMIT_AS`; None without a limit."""
    soft, _ = resource.getrlimit(which)
    return None if soft == resource.RLIM_INFINITY else soft


def user_task_limit() -> int | None:
    """Return the limit of this user's processes and threads (ulimit -u); None without a limit."""
    return soft_limit(resource.RLIMIT_NPROC) if os.geteuid() else None  # root has no limit


def free_tasks(root: Path, membership: Path) -> int | None:
    """Return the number of further processes and threads that the control group and its parents allow, or None.

    None means no limit.  Both versions of control groups have ``pids.max`` and ``pids.current``.
    """
    free = map(_free_in, controller_groups("pids", root, membership))
    return min((number for number in free if number is not None), default=None)


def _free_in(folder: Path) -> int | None:
    try:
        return max(0, int((folder / "pids.max").read_text()) - int((folder / "pids.current").read_text()))
    except (OSError, ValueError):  # "max"
        return None
