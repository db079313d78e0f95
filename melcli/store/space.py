"""Free disk space, also for an OUT that does not exist yet."""

from __future__ import annotations

import os
from dataclasses import dataclass

__all__ = ["Space", "nearest_folder", "format_size", "space_at"]

_UNITS = ("kB", "MB", "GB", "TB", "PB", "EB")


@dataclass(frozen=True, slots=True, kw_only=True)
class Space:
    """Free space for this user.

    It includes quotas of users, groups and projects only if the file system reports them.  XFS and ext4 do for
    projects; NFS reports what its server does.  No system call returns all of them.  What other processes will write
    meanwhile is not known.

    Attributes
    ----------
    free_bytes : int
        Free bytes, without those reserved for root.
    block_bytes : int
        File sizes are rounded up to a multiple of this.
    free_files : int or None
        Number of files that can still be created; None if there is no separate limit, as on btrfs.
    """

    free_bytes: int
    block_bytes: int
    free_files: int | None


def space_at(path: str) -> Space:
    """Query the file system that ``path`` is on or will be on.

    Raises
    ------
    OSError
        The file system does not answer.
    """
    status = os.statvfs(nearest_folder(path))
    return Space(
        free_bytes=status.f_bavail * status.f_frsize,
        block_bytes=status.f_frsize,
        free_files=status.f_favail if status.f_files else None,
    )


def nearest_folder(path: str) -> str:
    """Return ``path`` if it is a folder, otherwise the nearest folder above it."""
    while not os.path.isdir(path):
        path = os.path.dirname(path.rstrip("/")) or ("/" if path.startswith("/") else ".")
    return path


def format_size(size_bytes: int) -> str:
    """Format a size with three digits, in decimal units like disk sizes: ``1.23 GB``."""
    if size_bytes < 1000:
        return f"{size_bytes} bytes"
    size = float(size_bytes)
    for unit in _UNITS:
        size /= 1000
        if size < 999.5 or unit == _UNITS[-1]:
            break
    return f"{size:.2f} {unit}" if size < 9.995 else f"{size:.1f} {unit}" if size < 99.95 else f"{size:,.0f} {unit}"
