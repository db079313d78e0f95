"""What watches over a worker while it does an item: how long that takes, and what native libraries print.

The deadline is the kernel's alarm, whose default is to end the process: it needs neither Python nor its lock, so it
also strikes while a decoder hangs in C.  Standard error goes into a file that the driver can still read when the worker
is dead, and standard output to the null device: the C library would hold text back until another item.

Outside of a worker, as in a test that works in its own process, nothing is watched.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
from collections.abc import Iterator

from melcli.printable import printable

__all__ = ["LONGEST_TIMEOUT_S", "Guard", "guard", "last_line", "stderr_tail"]

LONGEST_TIMEOUT_S = 20 * 86400  # more than 24 days is more than the system's calls can count
TAIL_BYTES = 1000
LINE_END = " / "
_ADDRESS = re.compile(r"0x[0-9a-f]{6,}")  # another one in each run, and rows are to be the same


class Guard:
    """The watch of this process; there is one, `guard`.

    Attributes
    ----------
    num_items : int
        That were watched over since the process began.
    """

    def __init__(self) -> None:
        self.num_items = 0
        self._on_duty = False

    def take_up(self, stderr_path: str | None) -> None:
        """Begin: standard error goes into this file from now on, or nowhere."""
        null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        os.dup2(null, 1)
        os.dup2(null, 2)
        os.close(null)
        if stderr_path is not None:
            with contextlib.suppress(OSError):  # a full disk is told by what has to be written there
                _take_stderr(stderr_path)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        self._on_duty = True

    @contextlib.contextmanager
    def item(self, timeout_s: float) -> Iterator[None]:
        """End the process unless what follows is over in so many seconds."""
        self.num_items += 1
        if not self._on_duty:
            yield
            return
        if _stderr_size():
            os.ftruncate(2, 0)
        signal.setitimer(signal.ITIMER_REAL, min(timeout_s, LONGEST_TIMEOUT_S))
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)

    def said(self) -> str | None:
        """Return the tail of what was printed to standard error since the item began, or None."""
        size = _stderr_size() if self._on_duty else 0
        return _tail(2, size) or None if size else None


guard = Guard()


def last_line(said: str) -> str:
    """Return the last line of a tail: of a traceback the one that says what it was."""
    return said.rpartition(LINE_END)[2]


def stderr_tail(path: str) -> str:
    """Return the end of a worker's file in one printable line; empty where there is none."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        return _tail(descriptor, os.fstat(descriptor).st_size)
    finally:
        os.close(descriptor)


def _take_stderr(path: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)  # of the worker before
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_APPEND | os.O_CLOEXEC
    file = os.open(path, flags, 0o600)
    os.dup2(file, 2)
    os.close(file)


def _stderr_size() -> int:
    try:
        return os.fstat(2).st_size
    except OSError:
        return 0


def _tail(descriptor: int, size: int) -> str:
    try:
        text = os.pread(descriptor, TAIL_BYTES, max(0, size - TAIL_BYTES)).decode("utf-8", "surrogateescape")
    except OSError:
        return ""
    lines = [line.strip() for line in text.splitlines()]
    return printable(_ADDRESS.sub("0x...", LINE_END.join(filter(None, lines))))
