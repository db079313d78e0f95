"""What the drive asks of an engine, and how an engine says that a batch did not come back."""

from __future__ import annotations

import signal
from collections.abc import Callable
from concurrent.futures import Future
from typing import Protocol, TypeVar

__all__ = ["BatchLost", "BatchOverdue", "Engine", "WorkerDied"]

Argument = TypeVar("Argument")
Result = TypeVar("Result")


class BatchLost(Exception):
    """A batch has no result, through no `MelcliError` of its own.

    Attributes
    ----------
    said : str
        The tail of what the worker had printed to its standard error, in one printable line.
    """

    def __init__(self, message: str = "", *, said: str = "") -> None:
        super().__init__(message)
        self.said = said


class WorkerDied(BatchLost):
    """The worker ended in the middle, by a signal or with an exit code, be it 0.

    Attributes
    ----------
    exit_code : int
        Minus the signal's number where a signal ended it.
    for_memory : bool
        The system killed it since memory ran out.
    """

    def __init__(self, exit_code: int, *, said: str = "", for_memory: bool = False) -> None:
        super().__init__(f"exit code {exit_code}", said=said)
        self.exit_code = exit_code
        self.for_memory = for_memory

    @property
    def how(self) -> str:
        """The signal's name, or the exit code in words."""
        if self.exit_code >= 0:
            return f"exit code {self.exit_code}"
        try:
            return signal.Signals(-self.exit_code).name
        except ValueError:  # those for real time have no names
            return f"signal {-self.exit_code}"


class BatchOverdue(BatchLost):
    """The batch, or one item of it, was not done by its deadline, and the worker was ended."""


class Engine(Protocol):
    """Runs functions on arguments in other processes."""

    workers: int

    def start(self) -> None:
        """Start a worker, so that it is known that workers can be started.

        Raises
        ------
        WorkersFailing
            They cannot.
        """

    def submit(self, function: Callable[[Argument], Result], argument: Argument, *, timeout_s: float) -> Future[Result]:
        """Hand out one call.

        The future raises what melcli raised, `BatchLost` where the call did not come back, and `WorkersFailing` where
        no worker can be started.
        """

    def stop(self) -> None:
        """End all workers now, whatever they are doing."""
