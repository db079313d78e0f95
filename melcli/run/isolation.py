"""Tasks in flight in an engine, and the search for the item that crashes a worker."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from itertools import islice
from queue import Empty, SimpleQueue
from typing import Any, Generic, Protocol, TypeVar

from melcli.errors import TimeUp
from melcli.run.deadline import remaining_s
from melcli.run.engines.contract import BatchLost, Engine
from melcli.run.memory_pressure import use_fewer_workers
from melcli.run.versions import ask_versions

__all__ = ["MAX_UNEXPLAINED_LOSSES", "Attempt", "Culprit", "Done", "InFlight", "Task"]

TASKS_PER_WORKER = 2  # one running and one waiting, so that memory does not grow with the corpus
MAX_UNEXPLAINED_LOSSES = 1  # of a task, without evidence against its items, before the search for the culprit starts
MAX_LOSSES_IN_A_ROW = 20  # then `InFlight.results` checks that workers can answer any call


class Task(Protocol):
    """Work for one call of a worker, on one item or several."""

    @property
    def call(self) -> tuple[Callable[[Any], Any], Any]:
        """The function and its argument."""

    @property
    def timeout_s(self) -> float:
        """Seconds after which the worker counts as hung."""

    def parts(self) -> Sequence[Any]:
        """Return tasks on fewer items, to find the culprit; an empty sequence for a single item."""


TaskT = TypeVar("TaskT", bound=Task)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt(Generic[TaskT]):
    """One try of a task.

    Attributes
    ----------
    task : Task
    unexplained_losses : int
        Losses of the task without evidence against its items.
    is_suspected : bool
        Whether the task has a single item that was lost before.
    is_exclusive : bool
        Whether no other task may be in flight, so that no other task can be the cause.
    workers : int
        Number of workers at the time of the dispatch.
    """

    task: TaskT
    unexplained_losses: int = 0
    is_suspected: bool = False
    is_exclusive: bool = False
    workers: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Done(Generic[TaskT]):
    """A task and its result."""

    task: TaskT
    result: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Culprit(Generic[TaskT]):
    """A task whose single item crashes the worker each time, and the last loss."""

    task: TaskT
    error: BatchLost


class InFlight(Generic[TaskT]):
    """A bounded number of tasks in flight; retries come before fresh tasks.

    Parameters
    ----------
    engine : Engine
        Runs the tasks.
    tasks : iterable of Task
        Fresh tasks, read one at a time.
    """

    def __init__(self, engine: Engine, tasks: Iterable[TaskT]) -> None:
        self._engine = engine
        self._fresh: Iterator[Attempt[TaskT]] = (Attempt(task=task) for task in tasks)
        self._waiting: deque[Attempt[TaskT]] = deque()  # retries, and at most one fresh task
        self._attempts: dict[Future[Any], Attempt[TaskT]] = {}
        self._events: SimpleQueue[Future[Any] | None] = SimpleQueue()
        self._losses_in_a_row = 0

    def __bool__(self) -> bool:
        return bool(self._attempts) or self._has_waiting()

    def tasks(self) -> list[TaskT]:
        """Return the tasks that are in flight or waiting, without the fresh ones."""
        return [attempt.task for attempt in (*self._attempts.values(), *self._waiting)]

    @property
    def num_dispatched(self) -> int:
        """The number of calls that have not come back."""
        return len(self._attempts)

    def dispatch(self) -> None:
        """Submit tasks until the window is full."""
        while self._has_waiting() and len(self._attempts) < TASKS_PER_WORKER * self._engine.workers:
            if self._attempts and (self._waiting[0].is_exclusive or self._is_exclusive_in_flight()):
                return
            attempt = replace(self._waiting.popleft(), workers=self._engine.workers)
            function, argument = attempt.task.call
            future = self._engine.submit(function, argument, timeout_s=attempt.task.timeout_s)
            self._attempts[future] = attempt
            future.add_done_callback(self._events.put)

    def collect(self, timeout_s: float | None) -> tuple[Attempt[TaskT], Future[Any]] | None:
        """Wait for the next finished call; None after ``timeout_s`` seconds or `wake`."""
        try:
            future = self._events.get(timeout=timeout_s)
        except Empty:
            return None
        return None if future is None else (self._attempts.pop(future), future)

    def results(self, until_s: float = math.inf) -> Iterator[Done[TaskT] | Culprit[TaskT]]:
        """Run all tasks, and find the items that crash workers.

        Parameters
        ----------
        until_s : float
            When to stop, by `time.monotonic`.

        Raises
        ------
        TimeUp
            The tasks are not done by ``until_s``.
        WorkersFailing
            Workers crash on every call.
        """
        while self:
            self.dispatch()
            collected = self.collect(remaining_s(until_s))
            if collected is None:
                raise TimeUp
            attempt, future = collected
            try:
                result = future.result()
            except BatchLost as error:
                if self.relieve_memory(attempt, error) is not None:
                    continue
                self._check_workers(until_s)
                if not self.narrow_down(attempt, error):
                    yield Culprit(task=attempt.task, error=error)
            else:
                self._losses_in_a_row = 0
                yield Done(task=attempt.task, result=result)

    def wake(self) -> None:
        """End the wait of `collect`; safe in a signal handler, because `SimpleQueue.put` is reentrant."""
        self._events.put(None)

    def retry(self, tasks: Iterable[TaskT]) -> None:
        """Dispatch these tasks before all others."""
        self._retry([Attempt(task=task) for task in tasks])

    def drop_waiting(self) -> None:
        """Dispatch nothing more."""
        self._waiting.clear()
        self._fresh = iter(())

    def drop_all(self) -> None:
        """Dispatch and collect nothing more."""
        self.drop_waiting()
        self._attempts.clear()

    def relieve_memory(self, attempt: Attempt[TaskT], error: BatchLost) -> str | None:
        """If the system killed one of several workers for memory, halve the workers and retry the task.

        Returns
        -------
        warning : str or None
            None if the loss has another cause; empty if the workers were already halved.
        """
        if not error.out_of_memory or attempt.workers <= 1:
            return None
        warning = use_fewer_workers(self._engine, attempt.workers)
        self._retry([attempt])
        return warning

    def narrow_down(self, attempt: Attempt[TaskT], error: BatchLost) -> list[TaskT]:
        """Retry the task or its parts, to find the item that crashed the worker.

        After a loss without evidence against the items, the whole task is retried once.  After that its parts are
        retried.  A single item is retried once; if its first loss was no evidence, no other task is in flight.

        Returns
        -------
        retried : list of Task
            Empty if the task's single item is the culprit.
        """
        attempts = _next_attempts(attempt, error)
        self._retry(attempts)
        return [each.task for each in attempts]

    def _check_workers(self, until_s: float) -> None:
        """After many losses in a row, check that workers can answer any call; or many bad items follow each other."""
        self._losses_in_a_row += 1
        if self._losses_in_a_row >= MAX_LOSSES_IN_A_ROW:
            ask_versions(self._engine, until_s=until_s)
            self._losses_in_a_row = 0

    def _retry(self, attempts: Sequence[Attempt[TaskT]]) -> None:
        self._waiting.extendleft(reversed(attempts))

    def _has_waiting(self) -> bool:
        if not self._waiting:
            self._waiting.extend(islice(self._fresh, 1))
        return bool(self._waiting)

    def _is_exclusive_in_flight(self) -> bool:
        return any(attempt.is_exclusive for attempt in self._attempts.values())


def _next_attempts(attempt: Attempt[TaskT], error: BatchLost) -> list[Attempt[TaskT]]:
    if not error.is_evidence and attempt.unexplained_losses < MAX_UNEXPLAINED_LOSSES:
        return [replace(attempt, unexplained_losses=attempt.unexplained_losses + 1)]
    parts = attempt.task.parts()
    if parts:
        return [Attempt(task=part) for part in parts]
    if attempt.is_suspected and (error.is_evidence or attempt.is_exclusive):
        return []
    return [replace(attempt, is_suspected=True, is_exclusive=attempt.is_exclusive or not error.is_evidence)]
