"""The planning process from the driver's side: start, messages, current path, end."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time

from melcli.printable import printable
from melcli.run.engines.child_process import ChildProcess, open_unnamed_file
from melcli.run.planner.messages import HEADER_BYTES

__all__ = ["PlanningProcess"]

MAIN = """
from melcli.run.planner.server import serve
serve({driver}, {path_file})
"""
EXIT_TIMEOUT_S = 1.0  # after SIGKILL; a process in a system call that blocks does not end
EXIT_POLL_S = 0.002
READ_BYTES = 1 << 16
BLOCKED_SIGNALS = {signal.SIGINT, signal.SIGHUP, signal.SIGTERM}  # the driver handles them


class PlanningProcess(ChildProcess):
    """A process that answers calls, one after another.  The thread that starts it must outlive it.

    Raises
    ------
    OSError
        The system cannot start a process.
    """

    def __init__(self) -> None:
        self._received = bytearray()
        self._poll: dict[int, select.poll] = {}
        with contextlib.ExitStack() as on_failure, contextlib.ExitStack() as after_start:
            stderr, self._path_file = open_unnamed_file(None), open_unnamed_file(None, append=False)
            for file in (stderr, self._path_file):
                if file is not None:
                    on_failure.callback(os.close, file)
            child_stdin, self._calls = os.pipe()
            self._results, child_stdout = os.pipe()
            for descriptor in (child_stdin, child_stdout):
                after_start.callback(os.close, descriptor)
            for descriptor in (self._calls, self._results):
                on_failure.callback(os.close, descriptor)
                os.set_blocking(descriptor, False)
            # The process inherits this mask, so that a signal for the group does not end it before the driver reacts.
            before = signal.pthread_sigmask(signal.SIG_BLOCK, BLOCKED_SIGNALS)
            after_start.callback(signal.pthread_sigmask, signal.SIG_SETMASK, before)
            super().__init__(
                MAIN.format(driver=os.getpid(), path_file=self._path_file),
                stdin=child_stdin,
                stdout=child_stdout,
                stderr=stderr,
                keep=[] if self._path_file is None else [self._path_file],
                options=["-S"],  # the code sets the search path
            )
            self._files = on_failure.pop_all()

    def send(self, message: memoryview, timeout_s: float) -> memoryview:
        """Send as much of a message as the process accepts within the timeout, and return the rest.

        Raises
        ------
        EOFError
            The process has ended.
        """
        if not self._is_ready(self._calls, select.POLLOUT, timeout_s):
            return message
        try:
            return message[os.write(self._calls, message) :]
        except BrokenPipeError:
            raise EOFError from None

    def receive(self, timeout_s: float) -> bytes | None:
        """Return the next message; None if it is not complete, or nothing arrived within the timeout.

        Raises
        ------
        EOFError
            The process has ended.
        """
        if (message := self._take_message()) is not None:
            return message
        if self._is_ready(self._results, select.POLLIN, timeout_s):
            data = os.read(self._results, READ_BYTES)
            if not data:
                raise EOFError
            self._received += data
        return self._take_message()

    def _is_ready(self, descriptor: int, event: int, timeout_s: float) -> bool:
        if descriptor not in self._poll:
            self._poll[descriptor] = select.poll()
            self._poll[descriptor].register(descriptor, event)
        return bool(self._poll[descriptor].poll(1000 * timeout_s))

    def _take_message(self) -> bytes | None:
        """Remove the first complete message from the received bytes, and return it."""
        end = HEADER_BYTES + int.from_bytes(self._received[:HEADER_BYTES])
        if len(self._received) < max(end, HEADER_BYTES):
            return None
        message = bytes(self._received[HEADER_BYTES:end])
        del self._received[:end]
        return message

    def at_path(self) -> str:
        """Return " at " and the current path of the process, for the end of a sentence; "" if it is unknown."""
        if self._path_file is None:
            return ""
        size = int.from_bytes(os.pread(self._path_file, HEADER_BYTES, 0))
        path = os.fsdecode(os.pread(self._path_file, size, HEADER_BYTES))
        return f" at {printable(path)}" if path else ""

    def end(self) -> bool:
        """Kill the process, and return whether it ended; it does not end while a system call blocks."""
        self.kill()
        until_s = time.monotonic() + EXIT_TIMEOUT_S
        while not self.has_ended():
            if time.monotonic() > until_s:
                self.forget()
                return False
            time.sleep(EXIT_POLL_S)
        return True

    def close(self) -> None:
        """Close the descriptors."""
        self._files.close()
