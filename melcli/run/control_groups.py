"""The control groups of this process (cgroups), in which containers and batch systems set limits."""

from __future__ import annotations

from pathlib import Path

__all__ = ["CGROUP_ROOT", "MEMBERSHIP", "controller_groups"]

CGROUP_ROOT = Path("/sys/fs/cgroup")
MEMBERSHIP = Path("/proc/self/cgroup")


def controller_groups(controller: str, root: Path, membership: Path) -> list[Path]:
    """List the folders of the groups that limit this process, its own one first; empty without control groups.

    Parameters
    ----------
    controller : str
        Such as ``memory``; version 1 has a tree for each, version 2 has one for all.
    root, membership : Path
        `CGROUP_ROOT` and `MEMBERSHIP`, or those of a test.
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
    """List a group's folder and those above it; inside a container only the root may be there."""
    own = root / group.lstrip("/")
    return [own, *(parent for parent in own.parents if parent.is_relative_to(root))]
