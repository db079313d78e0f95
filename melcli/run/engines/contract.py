"""What the drive asks of an engine, and how an engine says that a batch did not come back."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import Protocol, TypeVar

__all__ = ["BatchLost", "BatchOverdue", "Engine", "WorkerDied", "result_of"]

TICK_S = 0.5

Argument = TypeVar("Argument")
Result = TypeVar("Result")


class BatchLost(Exception):
    """A batch has no result, through no exception of its own."""


class WorkerDied(BatchLost):
    """The worker ended in the middle, by a signal or with an exit code other than 0.

    One that ends with 0 counts as overdue once its deadline is there: pebble takes 0 for the end of an idle worker.

    Attributes
    ----------
    exit_code : int
        Minus the signal's number where a signal ended it.
    """

    def __init__(self, exit_code: int) -> None:
        super().__init__(exit_code)
        self.exit_code = exit_code


class BatchOverdue(BatchLost):
    """The batch was not done by its deadline, and its worker was ended."""


class Engine(Protocol):
    """Runs functions on arguments in other processes."""

    workers: int

    def start(self) -> None:
        """Start the workers, so that they are there when the first call comes.

        Raises
        ------
        WorkersFailing
            They cannot be started.
        """

    def submit(self, function: Callable[[Argument], Result], argument: Argument, *, timeout_s: float) -> Future[Result]:
        """Hand out one call; the future raises `BatchLost` where the call did not come back.

        Raises
        ------
        WorkersFailing
            No worker can be started.
        """

    def check(self) -> None:
        """Called now and then: let futures raise `BatchLost` whose calls will never come back."""

    def stop(self) -> None:
        """End all workers now, whatever they are doing."""


def result_of(future: Future[Result], engine: Engine) -> Result:
    """Wait for one call's result, or raise what it raised; meanwhile the engine looks for calls that it forgot."""
    while not wait([future], timeout=TICK_S).done:
        engine.check()
    return future.result()
