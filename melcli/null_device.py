"""Open the null device, or a replacement if /dev is empty, as in some containers and chroots."""

from __future__ import annotations

import os
from functools import lru_cache

__all__ = ["open_null"]


def open_null() -> int:
    """Open a file for reading and writing that is empty and discards what is written.

    If there is no null device, this is one end of a socket pair that nobody reads.  It accepts some hundred kilobytes,
    and then fails instead of blocking.

    Returns
    -------
    int
        A descriptor; the caller must close it.
    """
    try:
        return os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return os.dup(_replacement())


@lru_cache(maxsize=1)
def _replacement() -> int:
    """Open a socket pair for the life of the process; a single one, so that descriptors do not accumulate."""
    import socket  # rarely needed, so it is imported only here

    ours, theirs = socket.socketpair()
    theirs.shutdown(socket.SHUT_WR)  # so that a read finds the end
    theirs.detach()  # stays open, so that writes succeed
    ours.setblocking(False)
    return ours.detach()
