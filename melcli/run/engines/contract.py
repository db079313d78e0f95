"""The interface of an engine, and its errors."""

from __future__ import annotations

import math
import signal
from collections.abc import Callable
from concurrent.futures import Future
from typing import NamedTuple, Protocol, TypeVar

__all__ = ["Advance", "BatchLost", "BatchOverdue", "Engine", "WorkerDied"]

Argument = TypeVar("Argument")
Result = TypeVar("Result")


class Advance(NamedTuple):
    """How far calls are that have not come back.

    Attributes
    ----------
    num_items : int
        Items that are finished in their worker.
    audio_s : float
        Seconds of audio that were processed.
    """

    num_items: int = 0
    audio_s: float = 0.0


class BatchLost(Exception):
    """A batch has no result, through no `MelcliError` of its own.

    Attributes
    ----------
    stderr : str
        The tail of what the worker had printed to its standard error, in one printable line.
    pid : int or None
        The worker's process id, where there was a worker.
    for_memory : bool
        The system killed the worker because memory ran out.
    """

    for_memory = False

    def __init__(self, message: str = "", *, stderr: str = "", pid: int | None = None) -> None:
        super().__init__(message)
        self.stderr = stderr
        self.pid = pid

    @property
    def is_evidence(self) -> bool:
        """Whether the loss says something about what the worker was doing, and not only about the machine."""
        return False


class WorkerDied(BatchLost):
    """The worker ended in the middle, by a signal or with an exit code, be it 0.

    Attributes
    ----------
    exit_code : int or None
        Minus the signal's number where a signal ended it; None where it is not known.
    """

    def __init__(
        self, exit_code: int | None, *, stderr: str = "", pid: int | None = None, for_memory: bool = False
    ) -> None:
        super().__init__(how_it_ended(exit_code), stderr=stderr, pid=pid)
        self.exit_code = exit_code
        self.for_memory = for_memory

    @property
    def is_evidence(self) -> bool:
        """SIGKILL comes from outside: from the system, which is short of memory, from a batch system, or by hand."""
        return self.exit_code not in (None, -signal.SIGKILL)

    @property
    def how(self) -> str:
        """The signal's name, or the exit code in words."""
        return how_it_ended(self.exit_code)


class BatchOverdue(BatchLost):
    """The batch, or one item of it, was not done by its deadline, and the worker was killed."""

    @property
    def is_evidence(self) -> bool:
        """It is the item that takes so long."""
        return True


def how_it_ended(exit_code: int | None) -> str:
    """Return a signal's name, or an exit code in words."""
    if exit_code is None:
        return "an unknown exit code"
    if exit_code >= 0:
        return f"exit code {exit_code}"
    try:
        return signal.Signals(-exit_code).name
    except ValueError:  # those for real time have no names
        return f"signal {-exit_code}"


class Engine(Protocol):
    """Runs functions on arguments in other processes."""

    @property
    def workers(self) -> int:
        """Workers that take calls at a time; fewer than asked for where the system allows no more."""

    @property
    def start_problem(self) -> str:
        """Why fewer workers run than were asked for, where that is so."""

    @property
    def in_progress(self) -> Advance:
        """How far all calls are together that workers have at the moment."""

    def start(self, until_s: float = math.inf) -> None:
        """Start the workers, and wait until the first one is ready.

        Parameters
        ----------
        until_s : float
            When to stop waiting, by `time.monotonic`.

        Raises
        ------
        WorkersFailing
            They cannot be started.
        StorageError
            The system has no file descriptor, no process or no memory left for one.
        TimeUp
            It is not ready by then.
        """

    def submit(self, function: Callable[[Argument], Result], argument: Argument, *, timeout_s: float) -> Future[Result]:
        """Submit one call; the clock runs from when a worker takes it.

        The future raises what melcli raised, `BatchLost` where the call did not come back, and as `start` does where no
        worker can be started.
        """

    def take_deaths(self) -> list[BatchLost]:
        """Return the workers that ended without a call, unasked, since this was called last.

        `BatchLost` reports those that had a call.
        """

    def limit_workers(self, workers: int) -> None:
        """Let no more than this number of workers live from now on."""

    def stop(self) -> None:
        """Kill all workers now, whatever they are doing."""
