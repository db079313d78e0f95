"""The control groups of this process (cgroups), in which containers and batch systems set limits."""

from __future__ import annotations

from pathlib import Path

__all__ = ["CGROUP_ROOT", "MEMBERSHIP", "controller_groups"]

CGROUP_ROOT = Path("/sys/fs/cgroup")
MEMBERSHIP = Path("/proc/self/cgroup")


def controller_groups(controller: str, root: Path, membership: Path) -> list[Path]:
    """Return the folders of the groups that limit this process, its own group first; empty without control groups.

    Parameters
    ----------
    controller : str
        The controller, such as ``memory``.  Version 1 has a tree for each controller, version 2 one tree for all.
    root, membership : Path
        `CGROUP_ROOT` and `MEMBERSHIP`; tests use others.
    """
    try:
        lines = membership.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return []
    folders: list[Path] = []
    for line in lines:
        _, controllers, group = line.split(":", 2)
        if not controllers:
            folders += _with_parents(root, group)
        elif controller in controllers.split(","):
            folders += _with_parents(root / controller, group)
    return folders


def _with_parents(root: Path, group: str) -> list[Path]:
    """Return a group's folder and those above it; in a container, possibly only the root exists."""
    own = root / group.lstrip("/")
    return [own, *(parent for parent in own.parents if parent.is_relative_to(root))]
