"""The planning process from the driver's side: start, messages, current path, end."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time

from melcli.printable import printable
from melcli.run.engines.child import ChildProcess, unnamed_file
from melcli.run.planner.messages import HEADER_BYTES

__all__ = ["PlanningProcess"]

MAIN = """
from melcli.run.planner.server import serve
serve({driver}, {place})
"""
END_S = 1.0  # in which a killed process ends, unless it is in a call of the system that does not return
TICK_S = 0.002
READ_BYTES = 1 << 16
HELD_BACK = {signal.SIGINT, signal.SIGHUP, signal.SIGTERM}  # they are the driver's


class PlanningProcess(ChildProcess):
    """A process that answers calls, one after another.  The thread that starts it has to outlive it.

    Raises
    ------
    OSError
        The system starts no process.
    """

    def __init__(self) -> None:
        self._received = bytearray()
        self._poll: dict[int, select.poll] = {}
        with contextlib.ExitStack() as failing, contextlib.ExitStack() as started:
            stderr, self._place = unnamed_file(None), unnamed_file(None, append=False)
            for file in (stderr, self._place):
                if file is not None:
                    failing.callback(os.close, file)
            theirs_in, self._calls = os.pipe()
            self._results, theirs_out = os.pipe()
            theirs, ours = [theirs_in, theirs_out], [self._calls, self._results]
            for descriptor in theirs:
                started.callback(os.close, descriptor)
            for descriptor in ours:
                failing.callback(os.close, descriptor)
                os.set_blocking(descriptor, False)
            # It inherits this, so that a signal for the whole group does not end it before the driver has heeded it.
            before = signal.pthread_sigmask(signal.SIG_BLOCK, HELD_BACK)
            started.callback(signal.pthread_sigmask, signal.SIG_SETMASK, before)
            super().__init__(
                MAIN.format(driver=os.getpid(), place=self._place),
                stdin=theirs_in,
                stdout=theirs_out,
                stderr=stderr,
                keep=[] if self._place is None else [self._place],
                options=["-S"],  # the search path is given anyway
            )
            self._files = failing.pop_all()

    def send(self, message: memoryview, timeout_s: float) -> memoryview:
        """Send of a message what it takes within that time, and return the rest.

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
        """Return the next message, or None where more of it is to come, or nothing came within that time.

        Raises
        ------
        EOFError
            The process has ended.
        """
        if (message := self._taken()) is not None:
            return message
        if self._is_ready(self._results, select.POLLIN, timeout_s):
            piece = os.read(self._results, READ_BYTES)
            if not piece:
                raise EOFError
            self._received += piece
        return self._taken()

    def _is_ready(self, descriptor: int, event: int, timeout_s: float) -> bool:
        if descriptor not in self._poll:
            self._poll[descriptor] = select.poll()
            self._poll[descriptor].register(descriptor, event)
        return bool(self._poll[descriptor].poll(1000 * timeout_s))

    def _taken(self) -> bytes | None:
        """Take the first message off what was received."""
        end = HEADER_BYTES + int.from_bytes(self._received[:HEADER_BYTES])
        if len(self._received) < max(end, HEADER_BYTES):
            return None
        message = bytes(self._received[HEADER_BYTES:end])
        del self._received[:end]
        return message

    def place(self) -> str:
        """Return the path that it is at, for the end of a sentence; empty where that is not known."""
        if self._place is None:
            return ""
        size = int.from_bytes(os.pread(self._place, HEADER_BYTES, 0))
        path = os.fsdecode(os.pread(self._place, size, HEADER_BYTES))
        return f" at {printable(path)}" if path else ""

    def end(self) -> bool:
        """Kill it and return whether it ended: a call of the system that does not return holds it."""
        self.kill()
        until_s = time.monotonic() + END_S
        while not self.has_ended():
            if time.monotonic() > until_s:
                self.forget()
                return False
            time.sleep(TICK_S)
        return True

    def close(self) -> None:
        """Give back the descriptors."""
        self._files.close()
