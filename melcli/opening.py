"""Open regular files and inherited descriptors without blocking, even if the path is hostile.

Opening a named pipe blocks until another process opens it for writing, and opening a device can have side effects.  So
the path is checked before it is opened.  A file can be swapped between the check and the opening, so it is opened
without blocking, and checked again.
"""

from __future__ import annotations

import errno
import os
import re
import stat
import sys
import time

__all__ = ["NotRegular", "inherited_descriptor", "regular_nofollow", "regular_only", "regular_or_inherited"]

# A write lease, such as Samba's, is released after at most /proc/sys/fs/lease-break-time, usually 45 s.
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
    """The path exists, but is not a regular file; it was not opened, or closed again without being read."""

    def __init__(self, path: str, mode: int, message: str = "") -> None:
        kind = _KINDS.get(stat.S_IFMT(mode), "a special file")
        super().__init__(errno.EINVAL, message or f"it is {kind}, not a regular file", path)


def regular_only(path: str, flags: int = os.O_RDONLY) -> int:
    """Open a regular file; suitable as ``opener`` of `open`.

    Parameters
    ----------
    path : str
        Links are followed.
    flags : int
        Flags of `os.open`.

    Returns
    -------
    int
        A descriptor; the caller must close it.

    Raises
    ------
    NotRegular
        The path is not a regular file.
    OSError
        The file cannot be opened.
    """
    _refuse_others(path, os.stat(path).st_mode)
    descriptor = _open_without_waiting(path, flags)
    try:
        _refuse_others(path, os.fstat(descriptor).st_mode)
        os.set_blocking(descriptor, True)  # some FUSE file systems apply non-blocking mode to regular files too
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def regular_nofollow(path: str, flags: int = os.O_RDONLY) -> int:
    """Open a regular file that is not a link; otherwise like `regular_only`.

    This is for OUT's own files.  melcli never creates links there, and in another user's OUT a link could lead to any
    file that the user of this run may read.  Folders in the path may be links, so that OUT itself may be one.

    Raises
    ------
    NotRegular
        The path is a link or not a regular file.
    OSError
        The file cannot be opened.
    """
    _refuse_others(path, os.lstat(path).st_mode)
    try:
        return regular_only(path, flags | os.O_NOFOLLOW)
    except OSError as error:
        if error.errno == errno.ELOOP:  # replaced by a link after the check
            raise NotRegular(path, stat.S_IFLNK) from error
        raise


def regular_or_inherited(path: str | os.PathLike[str], flags: int = os.O_RDONLY) -> int:
    """Open a regular file, or duplicate a descriptor that this process inherited, as with ``<(...)`` in a shell.

    Parameters and errors are those of `regular_only`.  A pipe that is already open can be read without waiting for
    a writer.
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
    """Return the number of the descriptor for a path such as ``/dev/stdin`` or ``/dev/fd/63``, or None.

    Raises
    ------
    OSError
        The path is standard input, which is closed.
    """
    match = _INHERITED.fullmatch(path)
    number = _STDIN if path == "/dev/stdin" else int(match[1] or match[2]) if match else None
    if number == _STDIN and sys.stdin is None:  # the null device is open instead, and would read as an empty file
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
