"""The thread that starts worker processes.

This thread outlives the processes, because Linux sends PR_SET_PDEATHSIG at the end of the thread that started a
process.  The thread may block: `subprocess` returns only when the new process has executed the interpreter.  That never
happens if the interpreter is on a disk that does not respond, or if the new process is stopped before.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue

from melcli.run.engines.process import WorkerProcess

__all__ = ["DRIVER_SIGNALS", "EXIT_POLL_S", "EXIT_TIMEOUT_S", "Launcher"]

EXIT_TIMEOUT_S = 5.0  # from the end of a worker's connection, or from SIGKILL, to the end of the process
EXIT_POLL_S = 0.005
DRIVER_SIGNALS = (signal.SIGINT, signal.SIGHUP, signal.SIGTERM)  # workers ignore them and finish their calls


class Launcher:
    """Starts one process after another, in a thread.

    Parameters
    ----------
    launch : callable
        Starts a process.
    notify : callable
        Called from the thread after each result.

    Attributes
    ----------
    results : SimpleQueue
        For each `request`, the process or the system's error.
    """

    def __init__(self, launch: Callable[[], WorkerProcess], notify: Callable[[], None]) -> None:
        self.results: SimpleQueue[WorkerProcess | OSError] = SimpleQueue()
        self._launch = launch
        self._notify = notify
        self._requests: SimpleQueue[bool] = SimpleQueue()
        self._is_closed = False
        self._thread = threading.Thread(target=self._run, name="launcher", daemon=True)

    def start(self) -> None:
        """Start the thread.

        Raises
        ------
        RuntimeError
            The system starts no more threads.
        """
        self._thread.start()

    def request(self) -> None:
        """Request the start of a process."""
        self._requests.put(True)

    def kill_starting(self, known: set[int]) -> None:
        """Kill the process that is being started: the thread's child that is not in ``known``."""
        with contextlib.suppress(OSError, ValueError):  # only Linux lists the children of a thread
            listed = Path(f"/proc/self/task/{self._thread.native_id}/children").read_text(encoding="ascii")
            for pid in set(map(int, listed.split())) - known:
                os.kill(pid, signal.SIGKILL)

    def close(self) -> None:
        """End the thread; it kills processes whose results were not taken."""
        self._is_closed = True
        self._requests.put(False)

    def join(self, timeout_s: float) -> None:
        """Wait for the end of the thread."""
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def _run(self) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, DRIVER_SIGNALS)  # the new processes inherit this mask
        while self._requests.get() and not self._is_closed:
            result: WorkerProcess | OSError
            try:
                result = self._launch()
            except OSError as error:
                result = error
            self.results.put(result)
            self._notify()
        while not self.results.empty():
            result = self.results.get()
            if isinstance(result, WorkerProcess):
                _end(result)


def _end(process: WorkerProcess) -> None:
    process.kill()
    deadline_s = time.monotonic() + EXIT_TIMEOUT_S
    while not process.has_ended() and time.monotonic() < deadline_s:
        time.sleep(EXIT_POLL_S)
    process.close()
