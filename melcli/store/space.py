"""Free disk space, also for an OUT that does not exist yet."""

from __future__ import annotations

import os
from dataclasses import dataclass

__all__ = ["Space", "nearest_folder", "size_in_words", "space_at"]

_UNITS = ("kB", "MB", "GB", "TB", "PB", "EB")


@dataclass(frozen=True, slots=True, kw_only=True)
class Space:
    """The room that this user has.

    Quotas of users, groups and projects are in it only where the file system says so itself (XFS and ext4 do for
    projects, NFS for what its server says); no system call tells them all.  Nor can it be known what others will
    write meanwhile.

    Attributes
    ----------
    free_bytes : int
        Without what is kept back for root.
    block_bytes : int
        What the size of a file is rounded up to.
    free_files : int or None
        How many files can still be created; None where that has no limit of its own, as on btrfs.
    """

    free_bytes: int
    block_bytes: int
    free_files: int | None


def space_at(path: str) -> Space:
    """Ask the file system that ``path`` is on or will be on.

    Raises
    ------
    OSError
        It does not answer.
    """
    status = os.statvfs(nearest_folder(path))
    return Space(
        free_bytes=status.f_bavail * status.f_frsize,
        block_bytes=status.f_frsize,
        free_files=status.f_favail if status.f_files else None,
    )


def nearest_folder(path: str) -> str:
    """Return ``path`` where it is a folder, and otherwise the nearest folder above it."""
    while not os.path.isdir(path):
        path = os.path.dirname(path.rstrip("/")) or ("/" if path.startswith("/") else ".")
    return path


def size_in_words(size_bytes: int) -> str:
    """Write a size with three digits, in decimal units as disks have them: ``1.23 GB``."""
    if size_bytes < 1000:
        return f"{size_bytes} bytes"
    size = float(size_bytes)
    for unit in _UNITS:
        size /= 1000
        if size < 999.5 or unit == _UNITS[-1]:
            break
    return f"{size:.2f} {unit}" if size < 9.995 else f"{size:.1f} {unit}" if size < 99.95 else f"{size:,.0f} {unit}"
