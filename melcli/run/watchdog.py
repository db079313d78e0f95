"""The watchdog of a worker: time limits of items, and output of native libraries.

The deadline is the kernel's alarm (SIGALRM), whose default action ends the process.  It needs neither Python nor the
GIL, so it works while a decoder hangs in C.  The driver receives a message about each step, and has a later deadline
for workers that are stopped or wait for a dead disk.  Standard error is a file that both worker and driver read.

Outside of a worker, for example in tests, the watchdog does nothing.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
from collections.abc import Callable, Iterator

from melcli.printable import printable

__all__ = ["MAX_TIMEOUT_S", "Watchdog", "last_line", "tail", "watchdog"]

MAX_TIMEOUT_S = 20 * 86400  # system calls overflow after 24 days
MAX_TAIL_BYTES = 1000
LINE_SEPARATOR = " / "
_ADDRESS = re.compile(r"0x[0-9a-f]{6,}")  # differs between runs, but rows must be equal


class Watchdog:
    """The watchdog of a process; `watchdog` is its only instance.

    Attributes
    ----------
    num_items : int
        Items since the start of the process.
    """

    def __init__(self) -> None:
        self.num_items = 0
        self._report: Callable[[float], None] | None = None
        self._tell_advance: Callable[[int, float], None] | None = None
        self._items_done = 0
        self._audio_s = 0.0

    def start(self, report: Callable[[float], None], tell_advance: Callable[[int, float], None] | None = None) -> None:
        """Start to watch a call.

        Parameters
        ----------
        report : callable
            Called at the start of each step, with the seconds that it may take.
        tell_advance : callable, optional
            Called with the finished items and the seconds of processed audio of the call, when they change.
        """
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        self._report = report
        self._tell_advance = tell_advance
        self._items_done, self._audio_s = 0, 0.0

    @contextlib.contextmanager
    def item(self, timeout_s: float) -> Iterator[None]:
        """End the process if the block takes more than ``timeout_s`` seconds."""
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
        """Report the start of a step outside of items, which may take ``allowed_s`` seconds, to the driver."""
        if self._report is not None:
            self._report(allowed_s)

    def stderr(self) -> str | None:
        """Return the tail of standard error since the start of the item; None if it is empty."""
        return None if self._report is None or not _stderr_size() else tail(2) or None


watchdog = Watchdog()


def last_line(text: str) -> str:
    """Return the last line of a `tail`: in a traceback, the line with the exception."""
    return text.rpartition(LINE_SEPARATOR)[2]


def tail(descriptor: int) -> str:
    """Return the end of an open file as one printable line; "" if the file is empty."""
    try:
        size = os.fstat(descriptor).st_size
        text = os.pread(descriptor, MAX_TAIL_BYTES, max(0, size - MAX_TAIL_BYTES)).decode("utf-8", "surrogateescape")
    except OSError:
        return ""
    lines = [line.strip() for line in text.splitlines()]
    return printable(_ADDRESS.sub("0x...", LINE_SEPARATOR.join(filter(None, lines))))


def _stderr_size() -> int:
    try:
        return os.fstat(2).st_size
    except OSError:
        return 0
