"""End a child process when its driver ends."""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import sys
import threading
import time

__all__ = ["exit_with_driver"]

PR_SET_PDEATHSIG = 1
HANGUP_POLL_S = 0.05


def exit_with_driver(driver_pid: int, descriptor: int) -> None:
    """End this process when its driver ends, also in the middle of a call.

    On Linux, the system kills the process, even if it is stopped.  On other systems, a thread waits for the end of the
    connection.

    Parameters
    ----------
    driver_pid : int
        The process id of the driver.
    descriptor : int
        The descriptor of the connection with the driver.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != driver_pid:  # the driver ended before prctl
        os._exit(1)
    with contextlib.suppress(RuntimeError):  # the system starts no more threads
        threading.Thread(target=_wait_for_hangup, args=[descriptor], daemon=True).start()


def _wait_for_hangup(descriptor: int) -> None:
    poll = select.poll()
    poll.register(descriptor, select.POLLHUP)
    while not poll.poll():  # macOS returns without an event while a call is unread
        time.sleep(HANGUP_POLL_S)
    os._exit(1)
