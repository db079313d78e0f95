"""Flush files and folders to the disk."""

from __future__ import annotations

import fcntl
import os
import sys

__all__ = ["flush_to_disk"]


def flush_to_disk(descriptor: int) -> None:
    """Flush a file or a folder to the disk.

    On macOS, ``fsync`` leaves data in the drive's cache, where a power failure loses it; ``F_FULLFSYNC`` flushes that
    too (fsync(2) of macOS).  Network file systems there do not support it, and get ``fsync``.

    Parameters
    ----------
    descriptor : int
        An open file or folder.

    Raises
    ------
    OSError
        The flush failed.
    """
    if sys.platform == "darwin":
        try:
            fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
        except OSError:
            os.fsync(descriptor)
    else:
        os.fsync(descriptor)
