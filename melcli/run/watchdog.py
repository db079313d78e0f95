"""The watchdog of a worker: time limits of items, and output of native libraries.

The deadline is the kernel's alarm, whose default is to end the process: it needs neither Python nor its lock, so it
also works while a decoder hangs in C.  The driver hears of each step and has a deadline of its own behind it, for a
worker that is stopped or waits for a dead disk.  Standard error is a file that both the worker and the driver read.

Outside of a worker, as in a test that works in its own process, nothing is watched.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
from collections.abc import Callable, Iterator

from melcli.printable import printable

__all__ = ["MAX_TIMEOUT_S", "Watchdog", "last_line", "tail", "watchdog"]

MAX_TIMEOUT_S = 20 * 86400  # more than 24 days is more than the system's calls can count
TAIL_BYTES = 1000
LINE_END = " / "
_ADDRESS = re.compile(r"0x[0-9a-f]{6,}")  # another one in each run, and rows are to be the same


class Watchdog:
    """The watchdog of this process; there is one, `watchdog`.

    Attributes
    ----------
    num_items : int
        That were watched over since the process began.
    """

    def __init__(self) -> None:
        self.num_items = 0
        self._report: Callable[[float], None] | None = None
        self._tell_advance: Callable[[int, float], None] | None = None
        self._items_done = 0
        self._audio_s = 0.0

    def start(self, report: Callable[[float], None], tell_advance: Callable[[int, float], None] | None = None) -> None:
        """Watch a call from now on.

        Parameters
        ----------
        report : callable
            Called with the seconds that a step may take, when it begins.
        tell_advance : callable, optional
            Called with the finished items and the seconds of processed audio of the call, whenever they change.
        """
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        self._report = report
        self._tell_advance = tell_advance
        self._items_done, self._audio_s = 0, 0.0

    @contextlib.contextmanager
    def item(self, timeout_s: float) -> Iterator[None]:
        """End the process unless what follows is over within ``timeout_s`` seconds."""
        self.num_items += 1
        if self._report is None:
            yield
            return
        if _stderr_size():
            os.ftruncate(2, 0)
        self._report(timeout_s)
        signal.setitimer(signal.ITIMER_REAL, min(timeout_s, MAX_TIMEOUT_S))
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        self._items_done += 1
        self.advance(0.0)

    def advance(self, audio_s: float) -> None:
        """Count seconds of audio as processed."""
        self._audio_s += audio_s
        if self._tell_advance is not None:
            self._tell_advance(self._items_done, self._audio_s)

    def step(self, allowed_s: float) -> None:
        """Tell the driver that what follows may take ``allowed_s`` seconds, though it is no item."""
        if self._report is not None:
            self._report(allowed_s)

    def stderr(self) -> str | None:
        """Return the tail of what was printed to standard error since the item began, or None."""
        return None if self._report is None or not _stderr_size() else tail(2) or None


watchdog = Watchdog()


def last_line(text: str) -> str:
    """Return the last line of a tail: of a traceback the one that names the exception."""
    return text.rpartition(LINE_END)[2]


def tail(descriptor: int) -> str:
    """Return the end of an open file in one printable line; empty where it holds nothing."""
    try:
        size = os.fstat(descriptor).st_size
        text = os.pread(descriptor, TAIL_BYTES, max(0, size - TAIL_BYTES)).decode("utf-8", "surrogateescape")
    except OSError:
        return ""
    lines = [line.strip() for line in text.splitlines()]
    return printable(_ADDRESS.sub("0x...", LINE_END.join(filter(None, lines))))


def _stderr_size() -> int:
    try:
        return os.fstat(2).st_size
    except OSError:
        return 0
