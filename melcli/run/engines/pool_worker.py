"""A worker of a pool with its state, and the calls that wait for a worker."""

from __future__ import annotations

import signal
from concurrent.futures import Future
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from melcli.run.engines.contract import Advance, BatchLost, BatchTimedOut, WorkerCrashed
from melcli.run.engines.oom import count_oom_kills
from melcli.run.engines.process import WorkerProcess

__all__ = ["NO_ADVANCE", "PendingCall", "PoolWorker", "WorkerState"]


NO_ADVANCE = Advance()


@dataclass(slots=True, eq=False)
class PendingCall:
    """A call that waits for a worker or is in progress.

    Attributes
    ----------
    task : bytes
        The task, from `melcli.run.engines.channel.pack`.
    timeout_s : float
        Seconds that the call may take in a worker.
    future : Future
        Receives the result.
    """

    task: bytes
    timeout_s: float
    future: Future[Any]


class WorkerState(Enum):
    """The state of a worker."""

    STARTING = auto()
    IDLE = auto()
    BUSY = auto()
    ENDING = auto()


@dataclass(slots=True, eq=False)
class PoolWorker:
    """One worker of a pool.

    Attributes
    ----------
    process : WorkerProcess
    deadline_s : float
        Deadline of the current state (start, call or end), by `time.monotonic`.
    state : WorkerState
    call : PendingCall or None
        The call in progress.
    call_number : int
        The number of the last call.
    step_deadline_s : float
        Deadline of the current step of the call, by `time.monotonic`.
    advance : Advance
        How far the call is.
    stopped_since_s : float or None
        When the process was first seen stopped (SIGSTOP), by `time.monotonic`; None if it runs.
    num_answers : int
        Calls that the worker has answered.
    oom_kills : int
        The system's count of processes killed for memory at the start of the current state.
    needs_replacement : bool
        Whether the worker asked for a successor, after many items or much memory growth.
    is_overdue : bool
        Whether the worker was killed because a deadline passed.
    is_retired : bool
        Whether the pool killed the worker because it is not needed any more.
    is_killed : bool
        Whether the pool sent SIGKILL.
    """

    process: WorkerProcess
    deadline_s: float
    state: WorkerState = WorkerState.STARTING
    call: PendingCall | None = None
    call_number: int = 0
    step_deadline_s: float = float("inf")
    advance: Advance = NO_ADVANCE
    stopped_since_s: float | None = None
    num_answers: int = 0
    oom_kills: int = 0
    needs_replacement: bool = False
    is_overdue: bool = False
    is_retired: bool = False
    is_killed: bool = False

    def postpone(self, seconds: float) -> None:
        """Postpone all deadlines, because the driver and its workers were stopped for that long."""
        self.deadline_s += seconds
        self.step_deadline_s += seconds
        self.stopped_since_s = None

    def loss(self) -> BatchLost:
        """Return the error that describes how the process ended."""
        process, exit_code = self.process, self.process.exit_code
        if self.is_overdue or exit_code == -signal.SIGALRM:
            return BatchTimedOut("it took too long", stderr=process.stderr_tail(), pid=process.pid)
        out_of_memory = exit_code == -signal.SIGKILL and count_oom_kills() > self.oom_kills
        return WorkerCrashed(exit_code, stderr=process.stderr_tail(), pid=process.pid, out_of_memory=out_of_memory)

    def kill(self) -> None:
        """Kill the process; `WorkerProcess.has_ended` reports its end."""
        self.is_killed = True
        self.process.kill()
