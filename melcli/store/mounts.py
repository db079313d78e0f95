"""The file system that a folder is on (Linux)."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Mount", "mount_of"]

MOUNTS = Path("/proc/self/mountinfo")
_OCTAL = re.compile(rb"\\([0-7]{3})")  # blank, tab, newline and backslash in a path


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """A file system and the folder that it begins at.

    Attributes
    ----------
    kind : str
        Such as ``ext4``, ``nfs4`` or ``fuse.sshfs``.
    point : str
        Where it is mounted.
    read_only : bool
        Whether it is mounted so.
    """

    kind: str
    point: str
    read_only: bool


def mount_of(folder: str, mounts: Path = MOUNTS) -> Mount | None:
    """Find the mount that a folder is on; None where there is no such list, as on macOS."""
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
        if inside and (found is None or len(point) >= len(os.fsencode(found.point))):  # of two on one point the later
            kind, options = rest.split(b" ")[0], fields.split(b" ")[5] + b"," + rest.split(b" ")[-1]
            found = Mount(kind=os.fsdecode(kind), point=os.fsdecode(point), read_only=b"ro" in options.split(b","))
    return found
