"""The interface of an engine, and its errors."""

from __future__ import annotations

import math
import signal
from collections.abc import Callable
from concurrent.futures import Future
from typing import NamedTuple, Protocol, TypeVar

__all__ = ["Advance", "BatchLost", "BatchTimedOut", "Engine", "WorkerCrashed"]

Argument = TypeVar("Argument")
Result = TypeVar("Result")


class Advance(NamedTuple):
    """How far the calls are that are in progress.

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
    """A call ended without a result and without a `MelcliError`.

    Attributes
    ----------
    stderr : str
        The tail of the worker's standard error, as one printable line.
    pid : int or None
        The worker's process id; None if no worker had the call.
    out_of_memory : bool
        Whether the system killed the worker because memory ran out.
    """

    out_of_memory = False

    def __init__(self, message: str = "", *, stderr: str = "", pid: int | None = None) -> None:
        super().__init__(message)
        self.stderr = stderr
        self.pid = pid

    @property
    def is_evidence(self) -> bool:
        """Whether the call's items may be the cause, and not only the machine."""
        return False


class WorkerCrashed(BatchLost):
    """The worker ended during the call, by a signal or with any exit code.

    Attributes
    ----------
    exit_code : int or None
        The negative signal number if a signal ended the process; None if it is unknown.
    """

    def __init__(
        self, exit_code: int | None, *, stderr: str = "", pid: int | None = None, out_of_memory: bool = False
    ) -> None:
        super().__init__(describe_exit(exit_code), stderr=stderr, pid=pid)
        self.exit_code = exit_code
        self.out_of_memory = out_of_memory

    @property
    def is_evidence(self) -> bool:
        """Whether the items may be the cause; SIGKILL comes from the system (memory), a batch system or a person."""
        return self.exit_code not in (None, -signal.SIGKILL)

    @property
    def exit_description(self) -> str:
        """The signal's name, or the exit code in words."""
        return describe_exit(self.exit_code)


class BatchTimedOut(BatchLost):
    """The call, or one item of it, missed its deadline, and the worker was killed."""

    @property
    def is_evidence(self) -> bool:
        """True: the item is the cause."""
        return True


def describe_exit(exit_code: int | None) -> str:
    """Return a signal's name, or an exit code in words."""
    if exit_code is None:
        return "an unknown exit code"
    if exit_code >= 0:
        return f"exit code {exit_code}"
    try:
        return signal.Signals(-exit_code).name
    except ValueError:  # real-time signals have no names
        return f"signal {-exit_code}"


class Engine(Protocol):
    """Calls functions in other processes."""

    @property
    def workers(self) -> int:
        """Number of workers; less than requested if the system allows no more."""

    @property
    def start_problem(self) -> str:
        """Why fewer workers run than were requested; empty if all run."""

    @property
    def in_progress(self) -> Advance:
        """The sum over all calls that workers process at the moment."""

    def start(self, until_s: float = math.inf) -> None:
        """Start the workers, and wait until the first one is ready.

        Parameters
        ----------
        until_s : float
            When to stop waiting, by `time.monotonic`.

        Raises
        ------
        WorkersFailing
            No worker can be started.
        StorageError
            The system has no file descriptor, process or memory left for a worker.
        TimeUp
            No worker is ready by ``until_s``.
        """

    def submit(self, function: Callable[[Argument], Result], argument: Argument, *, timeout_s: float) -> Future[Result]:
        """Submit one call; its timeout starts when a worker receives it.

        The future raises the call's `MelcliError`, `BatchLost` if the call has no result, or an error of `start` if no
        worker can be started.
        """

    def take_idle_deaths(self) -> list[BatchLost]:
        """Return the workers that ended without a call since the last call of this method.

        Workers that the engine ended on purpose are not included.
        """

    def limit_workers(self, workers: int) -> None:
        """Keep at most this number of workers from now on."""

    def stop(self) -> None:
        """Kill all workers now, also busy ones."""
