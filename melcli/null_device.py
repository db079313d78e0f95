"""The null device, also where /dev is empty, as in some containers and chroots."""

from __future__ import annotations

import os
from functools import lru_cache

__all__ = ["open_null"]


def open_null() -> int:
    """Open what gives nothing and takes everything, for reading and writing.

    Without a null device it is one end of a connection that nobody reads: it takes some hundred kilobytes, and then
    refuses more with an error rather than wait.

    Returns
    -------
    int
        A descriptor, for the caller to close.
    """
    try:
        return os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return os.dup(_stand_in())


@lru_cache(maxsize=1)
def _stand_in() -> int:
    """Open the connection, which lasts as long as the process; one for all, so that no descriptors add up."""
    import socket  # late, since hardly anybody needs it

    ours, theirs = socket.socketpair()
    theirs.shutdown(socket.SHUT_WR)  # so that a read finds the end
    theirs.detach()  # and stays open, so that writes are taken
    ours.setblocking(False)
    return ours.detach()
