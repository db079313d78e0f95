"""A pipe by which any thread wakes the thread that waits in a selector."""

from __future__ import annotations

import contextlib
import os
import threading

__all__ = ["WakePipe"]


class WakePipe:
    """A pipe whose readable end a selector waits for."""

    def __init__(self) -> None:
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        os.set_blocking(self._write, False)
        self._lock = threading.Lock()  # `close` may run while other threads write
        self._is_closed = False

    def fileno(self) -> int:
        """Return the readable descriptor."""
        return self._read

    def wake(self) -> None:
        """Wake the waiting thread; safe from any thread, also after `close`."""
        with self._lock, contextlib.suppress(BlockingIOError):  # a full pipe wakes the thread too
            if not self._is_closed:
                os.write(self._write, b"\0")

    def drain(self) -> None:
        """Read what `wake` has written."""
        with contextlib.suppress(BlockingIOError):
            os.read(self._read, 1 << 16)

    def close(self) -> None:
        """Close both ends."""
        with self._lock:
            if not self._is_closed:
                self._is_closed = True
                os.close(self._read)
                os.close(self._write)
