"""The state of the workers of a pool, and of waiting calls."""

from __future__ import annotations

import signal
import time
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from melcli.run.engines.contract import Advance, BatchLost, BatchOverdue, WorkerDied
from melcli.run.engines.oom import oom_kills
from melcli.run.engines.process import WorkerProcess

__all__ = ["NO_ADVANCE", "add_advances", "Member", "PendingCall", "State"]


NO_ADVANCE = Advance()


@dataclass(slots=True, eq=False)
class PendingCall:
    """A call that waits for a worker, or is being processed.

    Attributes
    ----------
    task : bytes
        As `melcli.run.engines.channel.pack` has made it.
    timeout_s : float
        Seconds that it may take in a worker.
    future : Future
        Of its result.
    """

    task: bytes
    timeout_s: float
    future: Future[Any]


class State(Enum):
    """What a worker does."""

    STARTING = auto()
    IDLE = auto()
    BUSY = auto()
    ENDING = auto()


@dataclass(slots=True, eq=False)
class Member:
    """One worker of a pool, and what it does."""

    process: WorkerProcess
    deadline_s: float  # of its start, its call, or its end
    state: State = State.STARTING
    call: PendingCall | None = None
    number: int = 0  # of the call
    step_deadline_s: float = float("inf")
    stopped_since_s: float | None = None
    advance: Advance = NO_ADVANCE
    num_answers: int = 0
    oom_kills: int = 0  # that the system had counted when it began what it does
    is_worn: bool = False
    is_overdue: bool = False
    is_unwanted: bool = False  # it is ended on purpose
    is_killed: bool = False

    def begin(self, call: PendingCall, number: int) -> None:
        """Be busy with a call from now on."""
        self.call, self.number = call, number
        self.state = State.BUSY
        self.deadline_s = time.monotonic() + call.timeout_s
        self.step_deadline_s = float("inf")
        self.advance = NO_ADVANCE
        self.oom_kills = oom_kills()

    def postpone(self, seconds: float) -> None:
        """Put off its deadlines, since nobody could work meanwhile."""
        self.deadline_s += seconds
        self.step_deadline_s += seconds
        self.stopped_since_s = None

    def loss(self) -> BatchLost:
        """Return how the process has ended, for whoever waits for its call."""
        process, exit_code = self.process, self.process.exit_code
        if self.is_overdue or exit_code == -signal.SIGALRM:
            return BatchOverdue("it took too long", stderr=process.stderr_tail(), pid=process.pid)
        for_memory = exit_code == -signal.SIGKILL and oom_kills() > self.oom_kills
        return WorkerDied(exit_code, stderr=process.stderr_tail(), pid=process.pid, for_memory=for_memory)

    def kill(self) -> None:
        """Kill the process; `WorkerProcess.has_ended` tells when it has ended."""
        self.is_killed = True
        self.process.kill()


def add_advances(workers: Sequence[Member]) -> Advance:
    """Return how far the calls of some workers are together."""
    advances = [worker.advance for worker in workers if worker.call is not None]
    return Advance(sum(one.num_items for one in advances), sum(one.audio_s for one in advances))
