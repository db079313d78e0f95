"""Open paths that somebody else may have prepared: regular files and inherited descriptors, without waiting.

To open a named pipe waits for somebody who writes to it, for ever, and to open a device can act.  A look before the
opening keeps both out, but between the look and the opening a file can be swapped; so it is opened without waiting, and
looked at once more.
"""

from __future__ import annotations

import errno
import os
import re
import stat
import sys
import time

__all__ = ["NotRegular", "inherited_descriptor", "regular_here", "regular_only", "regular_or_inherited"]

# A write lease, such as Samba's, is given up at the latest after /proc/sys/fs/lease-break-time, usually 45 s.
LEASE_S = 60.0
LEASE_TICK_S = 0.02

_INHERITED = re.compile(r"/dev/fd/(\d{1,9})|/proc/(?:self|thread-self)/fd/(\d{1,9})", re.ASCII)
_STDIN = 0

_KINDS = {
    stat.S_IFLNK: "a link",
    stat.S_IFDIR: "a directory",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


class NotRegular(OSError):
    """There is something, and it is no regular file; it was not opened, or closed at once unread."""

    def __init__(self, path: str, mode: int, message: str = "") -> None:
        kind = _KINDS.get(stat.S_IFMT(mode), "a special file")
        super().__init__(errno.EINVAL, message or f"it is {kind}, not a regular file", path)


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


def regular_here(path: str, flags: int = os.O_RDONLY) -> int:
    """Open a regular file that is no link; otherwise as `regular_only`.

    It is for OUT's own files.  melcli never makes them links, and in an OUT of somebody else a link could lead a run to
    any file that its user may read.  Folders on the way may be links, so that OUT itself may be one.

    Raises
    ------
    NotRegular
        It is a link, or something else.
    OSError
        It cannot be opened.
    """
    _refuse_others(path, os.lstat(path).st_mode)
    try:
        return regular_only(path, flags | os.O_NOFOLLOW)
    except OSError as error:
        if error.errno == errno.ELOOP:  # it became one meanwhile
            raise NotRegular(path, stat.S_IFLNK) from error
        raise


def regular_or_inherited(path: str | os.PathLike[str], flags: int = os.O_RDONLY) -> int:
    """Open a regular file, or take a descriptor that this process was started with, as ``<(...)`` of a shell names it.

    Parameters and errors are those of `regular_only`.  A pipe that is open already can be read without a wait for
    somebody who opens it for writing.
    """
    path = os.fspath(path)
    try:
        return regular_only(path, flags)
    except NotRegular:
        number = inherited_descriptor(path)
        if number is None:
            raise
    return os.dup(number)


def inherited_descriptor(path: str) -> int | None:
    """Return the number of the descriptor that a path such as ``/dev/stdin`` or ``/dev/fd/63`` names, or None.

    Raises
    ------
    OSError
        It is standard input, and that is closed.
    """
    names_it = _INHERITED.fullmatch(path)
    number = _STDIN if path == "/dev/stdin" else int(names_it[1] or names_it[2]) if names_it else None
    if number == _STDIN and sys.stdin is None:  # the null device is there instead, and would read as an empty file
        raise OSError(errno.EBADF, "standard input is closed", path)
    return number


def _open_without_waiting(path: str, flags: int) -> int:
    deadline_s = time.monotonic() + LEASE_S
    while True:
        try:
            return os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        except BlockingIOError:
            if time.monotonic() > deadline_s:
                raise
            time.sleep(LEASE_TICK_S)


def _refuse_others(path: str, mode: int) -> None:
    if not stat.S_ISREG(mode):
        raise NotRegular(path, mode)
