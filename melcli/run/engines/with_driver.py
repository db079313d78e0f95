"""End a child process together with its driver."""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import sys
import threading
import time

__all__ = ["end_with_driver"]

PR_SET_PDEATHSIG = 1
UNREAD_TICK_S = 0.05


def end_with_driver(driver: int, descriptor: int) -> None:
    """See to it that the process ends with its driver, also in the middle of a call.

    On Linux the system kills it, also where it is stopped.  Elsewhere the end of the connection is the sign.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != driver:  # it ended before that
        os._exit(1)
    with contextlib.suppress(RuntimeError):  # the system starts no more threads
        threading.Thread(target=_wait_for_hangup, args=[descriptor], daemon=True).start()


def _wait_for_hangup(descriptor: int) -> None:
    poll = select.poll()
    poll.register(descriptor, select.POLLHUP)
    while not poll.poll():  # macOS returns without an event while a call is unread
        time.sleep(UNREAD_TICK_S)
    os._exit(1)
