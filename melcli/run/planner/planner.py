"""The planner: file-system calls of planning in another process, with a deadline.

Neither a signal nor a thread can end a system call that blocks in a dead mount.  So another process makes these calls.
The driver only waits for a pipe, and reacts to signals and ``--max-time`` meanwhile.
"""

from __future__ import annotations

import marshal
import math
import pickle
import signal
import time
from collections import deque
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any

from melcli.errors import MelcliError, TimeUp, WorkersFailing
from melcli.run.planner.messages import DONE, ERROR, encode
from melcli.run.planner.process import PlanningProcess
from melcli.sources.file_calls import SEARCH, FileCalls, Name

__all__ = ["Planner"]

WARN_AFTER_S = 10.0  # without a message from the process
WARN_AT_END_AFTER_S = 1.0  # if planning ends early
POLL_INTERVAL_S = 1.0
MAX_RESTARTS = 4  # of a process that was killed
MAX_PENDING = 2  # calls at a time; both pipes have space for their messages


class Planner:
    """Makes the calls of `melcli.sources.file_calls.FileCalls` in another process; a context manager.

    The constructor starts the process, so that it imports its modules while the driver imports its own.  The thread
    that creates a `Planner` must outlive it.  If the system cannot start a process, this process makes the calls.

    Parameters
    ----------
    warn : callable
        Receives a warning about a process that does not answer.

    Attributes
    ----------
    until_s : float
        When waiting ends with `TimeUp`, by `time.monotonic`.
    """

    def __init__(self, warn: Callable[[str], None]) -> None:
        self.until_s = math.inf
        self._warn = warn
        self._warned = ""
        self._last_message_s = time.monotonic()
        self._local_calls: FileCalls | None = None
        self._process: PlanningProcess | None = None
        self._restarts = 0
        self._search: list[tuple[Name, Any]] = []  # finished calls of the search, which a new process repeats
        self._pending: deque[_PendingCall] = deque()  # calls without a result
        try:
            self._process = PlanningProcess()
        except OSError:
            self._local_calls = FileCalls()

    def __enter__(self) -> Planner:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close(early=error is not None)

    def parts(self, name: Name, argument: Any = None) -> Iterator[Any]:
        """Yield the results of a call of `FileCalls`; after a restart of the process, earlier results are repeated.

        Raises
        ------
        TimeUp
            The call has not ended by ``until_s``.
        MelcliError
            The call raised it, or the process was killed several times.
        OSError
            The call raised it.
        """
        if self._local_calls is not None:
            yield from self._local_calls.parts(name, argument)
            return
        while self._pending:
            self._finish_first()
        if name == "begin":
            self._search.clear()
        while True:
            try:
                self._send(name, argument)
                yield from self._results()
            except EOFError:
                self._restart()
            else:
                break
        if name in SEARCH:
            self._search.append((name, argument))

    def begin(self, name: Name, argument: Any = None) -> Callable[[], Any]:
        """Start a call with one result, and return a function that waits for the result; errors as in `parts`."""
        if self._local_calls is not None:
            return self._local_calls.begin(name, argument)
        if len(self._pending) == MAX_PENDING:
            self._finish_first()
        call = _PendingCall(name, argument)
        self._pending.append(call)
        try:
            self._send(name, argument)
        except EOFError:
            self._restart()
        return lambda: self._result(call)

    def _result(self, call: _PendingCall) -> Any:
        while call in self._pending:
            self._finish_first()
        return call.result

    def _finish_first(self) -> None:
        """Wait for the result of the first pending call."""
        first = self._pending[0]
        while True:
            try:
                (first.result,) = self._results()
            except EOFError:
                self._restart()
                continue
            except (MelcliError, OSError):
                self._pending.popleft()
                raise
            self._pending.popleft()
            return

    def close(self, *, early: bool = False) -> None:
        """End the process, or abandon it if it does not end.

        Parameters
        ----------
        early : bool
            Whether planning is not complete.  Then a warning names the path at which the process does not answer.
        """
        process, self._process = self._process, None
        if process is None:
            return
        silent_s = time.monotonic() - self._last_message_s
        if not process.end():
            self._warn(f"process {process.pid} remains, because the system does not end it{process.at_path()}")
        elif early and silent_s > WARN_AT_END_AFTER_S:
            self._warn(_silence(silent_s, process))
        process.close()

    def _restart(self) -> None:
        """Start another process, and repeat the calls of the search and the pending calls."""
        while True:
            error = self._end_of_process()
            if self._restarts == MAX_RESTARTS:
                raise error
            self._restarts += 1
            try:
                self._process = PlanningProcess()
            except OSError:
                raise error from None
            try:
                for call in self._search:
                    self._send(*call)
                    for _ in self._results():
                        pass
                for pending in self._pending:
                    self._send(pending.name, pending.argument)
            except EOFError:
                continue
            return

    def _send(self, name: Name, argument: Any) -> None:
        process = self._running()
        self._last_message_s = time.monotonic()
        rest = memoryview(encode((name, argument)))
        while rest:
            rest = process.send(rest, self._wait_s(process))

    def _results(self) -> Iterator[Any]:
        """Yield the results of the first call that was sent and is not finished."""
        process = self._running()
        self._last_message_s = time.monotonic()  # the call may have started long before
        while True:
            message = process.receive(self._wait_s(process))
            if message is None:
                continue
            self._last_message_s = time.monotonic()
            kind, value = marshal.loads(message)  # noqa: S302  from melcli's own process
            if kind == DONE:
                return
            if kind == ERROR:
                raise pickle.loads(value)  # noqa: S301
            yield value

    def _running(self) -> PlanningProcess:
        if self._process is None:
            raise ValueError("this planner is closed")
        return self._process

    def _wait_s(self, process: PlanningProcess) -> float:
        """Return the seconds to wait for the process, and warn if it has not answered for long."""
        now_s = time.monotonic()
        if now_s >= self.until_s:
            raise TimeUp
        silent_s = now_s - self._last_message_s
        if silent_s > WARN_AFTER_S and self._warned != process.at_path():
            self._warned = process.at_path()
            self._warn(_silence(silent_s, process))
        return min(POLL_INTERVAL_S, self.until_s - now_s)

    def _end_of_process(self) -> WorkersFailing:
        """Return the error for a process that was killed.

        Raises
        ------
        RuntimeError
            The process ended because of a bug in melcli.
        """
        process, self._process = self._process, None
        if process is None:
            raise ValueError("this planner is closed")
        process.end()
        code, where, stderr = process.exit_code, process.at_path(), process.stderr_tail()
        process.close()
        if code is not None and code >= 0:
            raise RuntimeError(f"the planning process ended with {code}{where}: {stderr}")
        how = "ended" if code is None else f"was killed by {_signal_name(-code)}"
        return WorkersFailing(f"the planning process {how}{where}; OUT is as it was", hint="run the same command again")


class _PendingCall:
    """A call that was started, and its result."""

    def __init__(self, name: Name, argument: Any) -> None:
        self.name = name
        self.argument = argument
        self.result: Any = None


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _silence(silent_s: float, process: PlanningProcess) -> str:
    return f"the search for inputs has made no progress for {silent_s:.0f} s{process.at_path()}"
