"""The planner: file-system calls of planning in another process, with a deadline.

A call of the system into a dead mount cannot be ended, neither by a signal nor by a thread.  So a process of its own
makes these calls, and the driver waits only for a pipe: it heeds signals and ``--max-time`` meanwhile.
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

SILENT_S = 10.0  # without a message, after which people are told where the process is
SILENT_AT_END_S = 1.0  # the same, where planning ends early
TICK_S = 1.0
MAX_RESTARTS = 4  # of a process that somebody kills
MAX_BEGUN = 2  # calls at a time, whose messages both pipes take


class Planner:
    """Makes the calls of `melcli.sources.file_calls.FileCalls` in another process; a context manager.

    The process is started at once, so that it imports what it needs while its driver does.  The thread that makes a
    `Planner` has to outlive it.  Where the system starts no process, the calls are made in this one.

    Parameters
    ----------
    warn : callable
        Called with a sentence about a process that does not answer.

    Attributes
    ----------
    until_s : float
        When waiting ends with `TimeUp`, by `time.monotonic`.
    """

    def __init__(self, warn: Callable[[str], None]) -> None:
        self.until_s = math.inf
        self._warn = warn
        self._warned = ""
        self._heard_s = time.monotonic()
        self._here: FileCalls | None = None
        self._process: PlanningProcess | None = None
        self._restarts = 0
        self._search: list[tuple[Name, Any]] = []  # calls of the search so far, which a successor makes again
        self._begun: deque[_Begun] = deque()  # and those that wait for their results
        try:
            self._process = PlanningProcess()
        except OSError:
            self._here = FileCalls()

    def __enter__(self) -> Planner:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close(early=error is not None)

    def parts(self, name: Name, argument: Any = None) -> Iterator[Any]:
        """Yield what a call of `FileCalls` yields; what a killed process has yielded is yielded again.

        Raises
        ------
        TimeUp
            It is ``until_s``.
        MelcliError
            The call raised it; or the process was killed several times.
        OSError
            The call raised it.
        """
        if self._here is not None:
            yield from self._here.parts(name, argument)
            return
        while self._begun:
            self._finish_first()
        if name == "begin":
            self._search.clear()
        while True:
            try:
                self._send(name, argument)
                yield from self._answers()
            except EOFError:
                self._restart()
            else:
                break
        if name in SEARCH:
            self._search.append((name, argument))

    def begin(self, name: Name, argument: Any = None) -> Callable[[], Any]:
        """Begin a call that yields one result, and return what waits for it; errors as in `parts`."""
        if self._here is not None:
            return self._here.begin(name, argument)
        if len(self._begun) == MAX_BEGUN:
            self._finish_first()
        begun = _Begun(name, argument)
        self._begun.append(begun)
        try:
            self._send(name, argument)
        except EOFError:
            self._restart()
        return lambda: self._result(begun)

    def _result(self, begun: _Begun) -> Any:
        while begun in self._begun:
            self._finish_first()
        return begun.result

    def _finish_first(self) -> None:
        """Wait for the result of the call that was begun first."""
        first = self._begun[0]
        while True:
            try:
                (first.result,) = self._answers()
            except EOFError:
                self._restart()
                continue
            except (MelcliError, OSError):
                self._begun.popleft()
                raise
            self._begun.popleft()
            return

    def close(self, *, early: bool = False) -> None:
        """End the process, or leave it behind if the system does not end it.

        Parameters
        ----------
        early : bool
            Whether planning is not over: if the process did not answer, people are told where it is.
        """
        process, self._process = self._process, None
        if process is None:
            return
        silent_s = time.monotonic() - self._heard_s
        if not process.end():
            self._warn(f"process {process.pid} is left behind, since the system does not end it{process.place()}")
        elif early and silent_s > SILENT_AT_END_S:
            self._warn(_silence(silent_s, process))
        process.close()

    def _restart(self) -> None:
        """Start another process, and take it to where the one was that has ended."""
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
                    for _ in self._answers():
                        pass
                for begun in self._begun:
                    self._send(begun.name, begun.argument)
            except EOFError:
                continue
            return

    def _send(self, name: Name, argument: Any) -> None:
        process = self._running()
        self._heard_s = time.monotonic()
        rest = memoryview(encode((name, argument)))
        while rest:
            rest = process.send(rest, self._wait_s(process))

    def _answers(self) -> Iterator[Any]:
        """Yield what the call yields that was sent first of those without an answer."""
        process = self._running()
        while True:
            message = process.receive(self._wait_s(process))
            if message is None:
                continue
            self._heard_s = time.monotonic()
            kind, value = marshal.loads(message)  # noqa: S302  from our own process
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
        """Return how long to wait for the process this time, and warn if it has been silent for long."""
        now_s = time.monotonic()
        if now_s >= self.until_s:
            raise TimeUp
        silent_s = now_s - self._heard_s
        if silent_s > SILENT_S and self._warned != process.place():
            self._warned = process.place()
            self._warn(_silence(silent_s, process))
        return min(TICK_S, self.until_s - now_s)

    def _end_of_process(self) -> WorkersFailing:
        """Return what to raise where the process was killed.

        Raises
        ------
        RuntimeError
            It ended by an error of ours.
        """
        process, self._process = self._process, None
        if process is None:
            raise ValueError("this planner is closed")
        process.end()
        code, where, said = process.exit_code, process.place(), process.stderr_tail()
        process.close()
        if code is not None and code >= 0:
            raise RuntimeError(f"the planning process ended with {code}{where}: {said}")
        how = "ended" if code is None else f"was killed by {_signal_name(-code)}"
        return WorkersFailing(f"the planning process {how}{where}; OUT is as it was", hint="run the same command again")


class _Begun:
    """A call that was begun, and its result."""

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
    return f"the search for inputs has not gone on for {silent_s:.0f} s{process.place()}"
