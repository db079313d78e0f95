"""Opening what others may have put there: regular files alone, and never a wait.

To open a named pipe waits for somebody who writes to it, for ever, and to open a device can act.  A look before the
opening keeps both out, but between the look and the opening a file can be swapped; so it is opened without waiting, and
looked at once more.
"""

from __future__ import annotations

import errno
import os
import stat
import time

__all__ = ["NotRegular", "regular_only"]

# A write lease, such as Samba's, is given up at the latest after /proc/sys/fs/lease-break-time, usually 45 s.
LEASE_S = 60.0
LEASE_TICK_S = 0.02

_KINDS = {
    stat.S_IFDIR: "a directory",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


class NotRegular(OSError):
    """There is something, and it is no regular file; it was not opened, or closed at once unread."""

    def __init__(self, path: str, mode: int) -> None:
        kind = _KINDS.get(stat.S_IFMT(mode), "a special file")
        super().__init__(errno.EINVAL, f"it is {kind}, not a regular file", path)


def regular_only(path: str, flags: int = os.O_RDONLY) -> int:
    """Open a regular file; to be given to `open` as its ``opener``.

    Parameters
    ----------
    path : str
        Links are followed.
    flags : int
        Of `os.open`.

    Returns
    -------
    int
        A descriptor, for the caller to close.

    Raises
    ------
    NotRegular
        It is something else.
    OSError
        It cannot be opened.
    """
    _refuse_others(path, os.stat(path).st_mode)
    descriptor = _open_without_waiting(path, flags)
    try:
        _refuse_others(path, os.fstat(descriptor).st_mode)
        os.set_blocking(descriptor, True)  # some file systems in user space heed it for regular files too
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _open_without_waiting(path: str, flags: int) -> int:
    deadline_s = time.monotonic() + LEASE_S
    while True:
        try:
            return os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        except BlockingIOError:  # noqa: PERF203  somebody holds a lease and was told to give it up
            if time.monotonic() > deadline_s:
                raise
            time.sleep(LEASE_TICK_S)


def _refuse_others(path: str, mode: int) -> None:
    if not stat.S_ISREG(mode):
        raise NotRegular(path, mode)
