"""Find the file system of a folder (Linux)."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Mount", "mount_of"]

MOUNTS = Path("/proc/self/mountinfo")
_OCTAL = re.compile(rb"\\([0-7]{3})")  # escapes of space, tab, newline and backslash


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """A mounted file system.

    Attributes
    ----------
    kind : str
        For example ``ext4``, ``nfs4`` or ``fuse.sshfs``.
    point : str
        The mount point.
    read_only : bool
        Whether it is mounted read-only.
    """

    kind: str
    point: str
    read_only: bool


def mount_of(folder: str, mounts: Path = MOUNTS) -> Mount | None:
    """Find the mount that a folder is on; None if the system has no list of mounts, as on macOS."""
    try:
        lines = mounts.read_bytes().splitlines()
    except OSError:
        return None
    path = os.fsencode(os.path.realpath(folder))
    found = None
    for line in lines:
        fields, _, rest = line.partition(b" - ")
        point = _OCTAL.sub(lambda octal: bytes([int(octal[1], 8)]), fields.split(b" ")[4])
        inside = path == point or path.startswith(point.rstrip(b"/") + b"/")
        if inside and (found is None or len(point) >= len(os.fsencode(found.point))):  # the later of two on one point
            kind, options = rest.split(b" ")[0], fields.split(b" ")[5] + b"," + rest.split(b" ")[-1]
            found = Mount(kind=os.fsdecode(kind), point=os.fsdecode(point), read_only=b"ro" in options.split(b","))
    return found
