"""The dispatcher: dispatch batches, collect results, isolate items that crash workers, stop in time."""

from __future__ import annotations

import math
import signal
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from itertools import islice
from queue import Empty, SimpleQueue
from typing import Any

from melcli.audio.revisions import DECODING_REVISION
from melcli.errors import Reason, StorageError, WorkersFailing
from melcli.printable import printable
from melcli.run.batching import Batch, item_timeout_s
from melcli.run.engines.contract import BatchLost, BatchOverdue, Engine, WorkerDied
from melcli.run.interrupts import Interrupts
from melcli.run.job import Job, Outcome, Tried
from melcli.run.losses import worker_loss
from melcli.run.pressure import use_fewer_workers
from melcli.run.report import MAX_TIME, FailureLimit, Listener, Report
from melcli.run.tally import Tally
from melcli.run.watchdog import last_line
from melcli.run.worker_tasks import run_batch, try_batch
from melcli.sources.items import Item
from melcli.store.lines import Line
from melcli.store.manifest import Row

__all__ = ["Dispatcher"]

BATCHES_PER_WORKER = 2  # one at work and one waiting, so that memory does not grow with the corpus
# With nothing coming back between them it is not the inputs that are at fault: so many batches, or, while single items
# are tried, so many workers.
MAX_LOSSES_IN_A_ROW = 20
MAX_DEATHS_IN_A_ROW = 100
MAX_UNEXPLAINED = 1  # times that a batch may be lost without a cause before its items are tried alone
MAX_BLAMELESS = 1  # times that a batch may die though none of its items does so alone
DRAIN_S = 10.0
UNEXPECTED = 1  # exit code of a Python process that an exception ended
PYTHON_SAYS = "File "  # in the traceback that it leaves
TICK_S = 0.5


@dataclass(slots=True, eq=False)
class _Isolation:
    """Which items of a batch, each run alone, kill the worker."""

    task: _Task
    waiting: int
    culprits: dict[str, BatchLost] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Task:
    batch: Batch
    unexplained: int = 0  # times that it was lost though nothing says that it was its items
    blameless: int = 0
    culprits: tuple[Row, ...] = ()  # found in earlier isolations of the batch; recorded together with the rest
    isolation: _Isolation | None = None
    is_suspected: bool = False  # the item killed a worker when it was alone, and is tried once more
    is_exclusive: bool = False  # nothing else is in flight meanwhile


@dataclass(frozen=True, slots=True)
class _InFlight:
    task: _Task
    workers: int  # that there were when it was dispatched


class Dispatcher:
    """One pass over batches.

    Parameters
    ----------
    engine : Engine
        Runs the batches.
    job : Job
        What all batches share.
    record : callable
        Brings rows to the journal; called once for each batch, from this thread only.
    report : Report
        Is kept up to date.
    limit : FailureLimit
        How many failures end the run.
    listener : Listener
        Is told.
    until_s : float, optional
        When no more is to be dispatched, by `time.monotonic`.
    """

    def __init__(
        self,
        engine: Engine,
        job: Job,
        *,
        record: Callable[[Sequence[Row | Line]], None],
        report: Report,
        limit: FailureLimit,
        listener: Listener,
        until_s: float = math.inf,
    ) -> None:
        self._engine = engine
        self._job = job
        self._record_rows = record
        self._report = report
        self._limit = limit
        self._listener = listener
        self._fresh: Iterator[_Task] = iter(())  # read one at a time, since a corpus has many
        self._waiting: deque[_Task] = deque()  # one fresh task at most, and those that are tried again
        self._in_flight: dict[Future[Any], _InFlight] = {}
        self._events: SimpleQueue[Future[Any] | None] = SimpleQueue()
        self._until_s = until_s
        self._isolations: list[_Isolation] = []
        self._losses = 0
        self._deaths = 0
        self._has_told_problem = False
        self._deadline_s: float | None = None  # of the drain, once the run is stopping
        self._refused: StorageError | None = None

    def run(self, batches: Iterable[Batch], interrupts: Interrupts) -> None:
        """Run all batches, or as many as can be until something stops the run.

        Raises
        ------
        StorageError
            OUT cannot be written; what the other workers had in progress is kept.
        WorkersFailing
            Workers keep dying.
        """
        self._fresh = map(_Task, batches)
        self._report.workers = self._engine.workers
        started_s = time.monotonic()
        # SimpleQueue.put is the one way of waking a thread that is safe inside a signal handler.
        with interrupts.deferred(lambda: self._events.put(None)):
            while (self._has_waiting() or self._in_flight) and not self._drain_is_over():
                try:
                    self._dispatch()
                    self._collect()
                except WorkersFailing:
                    time.sleep(TICK_S)  # whoever ends the whole run may have killed the workers first
                    if interrupts.number is None:
                        raise
                    self._in_flight.clear()
                self._check_limits(interrupts)
                self._report.working_s = time.monotonic() - started_s
                self._report.tick()
                self._listener.advanced(self._report)
            self._check_limits(interrupts)
        if self._report.stopped_by == MAX_TIME and not self._report.left:
            self._report.stopped_by = None  # what was in progress was all that was left
        if self._refused is not None:
            raise self._refused

    def _check_limits(self, interrupts: Interrupts) -> None:
        problem = self._engine.start_problem
        if problem and not self._has_told_problem:
            self._has_told_problem = True
            self._listener.warned(problem)
        for death in self._engine.take_deaths():
            self._tell_loss(death)
        if time.monotonic() >= self._until_s and (self._has_waiting() or self._in_flight):
            self._stop(MAX_TIME)
        if interrupts.number is not None:
            self._report.signal_number = interrupts.number
            self._stop(signal.Signals(interrupts.number).name)

    def _dispatch(self) -> None:
        while self._has_waiting() and len(self._in_flight) < BATCHES_PER_WORKER * self._engine.workers:
            if self._in_flight and (self._waiting[0].is_exclusive or self._is_exclusive_in_flight()):
                return
            task = self._waiting.popleft()
            timeout_s = task.batch.timeout_within_s(self._job.limits.timeout_per_item_s)
            function: Callable[[tuple[Job, Batch]], Any] = try_batch if task.isolation else run_batch
            workers = self._engine.workers
            future = self._engine.submit(function, (self._job, task.batch), timeout_s=timeout_s)
            self._in_flight[future] = _InFlight(task, workers)
            future.add_done_callback(self._events.put)

    def _has_waiting(self) -> bool:
        if not self._waiting:
            self._waiting.extend(islice(self._fresh, 1))
        return bool(self._waiting)

    def _is_exclusive_in_flight(self) -> bool:
        return any(flight.task.is_exclusive for flight in self._in_flight.values())

    def _collect(self) -> None:
        try:
            future = self._events.get(timeout=TICK_S)
        except Empty:
            return
        if future is None:
            return
        flight = self._in_flight.pop(future)
        error = future.exception()
        if error is None:
            self._returned(flight, future.result())
        elif isinstance(error, BatchLost):
            self._lost(flight, error)
        elif isinstance(error, StorageError):
            self._refuse(error)
        else:
            raise error

    def _returned(self, flight: _InFlight, result: object) -> None:
        task = flight.task
        if task.isolation is not None and isinstance(result, Tried):
            self._losses = self._deaths = 0
            self._tried(task.isolation)
        elif task.isolation is None and isinstance(result, Outcome):
            self._losses = self._deaths = 0
            self._report.add_time(result.seconds, result.cpu_s)
            self._record([*task.culprits, *result.rows], result.tally)
        else:
            self._lost(flight, BatchLost(f"the worker returned {type(result).__name__}"))

    # losses

    def _lost(self, flight: _InFlight, error: BatchLost) -> None:
        task = flight.task
        self._report.lost_batches += 1
        self._tell_loss(error, tuple(item.source for item in task.batch.items))
        if error.for_memory and flight.workers > 1 and self._deadline_s is None:
            warning = use_fewer_workers(self._engine, flight.workers)
            if warning:
                self._listener.warned(warning)
            self._retry([task])
            return  # no loss to be counted: with half of the workers each time that comes to an end
        self._deaths += 1
        self._losses += 0 if task.isolation else 1  # an isolation looks for losses
        if self._losses >= MAX_LOSSES_IN_A_ROW or self._deaths >= MAX_DEATHS_IN_A_ROW:
            self._record_culprits(task)
            raise WorkersFailing(f"{self._deaths} workers died one after another; of the last one: {_how(error)[1]}")
        if self._deadline_s is not None:
            return  # stopping: the next run will look into it
        if task.isolation is not None:
            self._lost_alone(task, error)
        elif not error.is_evidence and task.unexplained < MAX_UNEXPLAINED:
            self._retry([replace(task, unexplained=task.unexplained + 1)])
        elif task.blameless > MAX_BLAMELESS:
            self._split(task, error)
        else:
            self._isolate(task)

    def _tell_loss(self, error: BatchLost, inputs: tuple[str, ...] = ()) -> None:
        loss = worker_loss(error, inputs)
        self._report.losses[loss.kind] += 1
        self._listener.worker_lost(loss)

    def _retry(self, tasks: list[_Task]) -> None:
        """Dispatch what a loss has undone, before all else."""
        self._waiting.extendleft(reversed(tasks))
        self._report.retries += len(tasks)
        self._listener.retrying(sum(len(task.batch.items) for task in tasks), batches=len(tasks))

    def _isolate(self, task: _Task) -> None:
        isolation = _Isolation(task, waiting=len(task.batch.items))
        self._isolations.append(isolation)
        alone = [_Task(Batch(items=(item,)), isolation=isolation) for item in task.batch.items]
        if not (task.culprits or task.blameless):  # an earlier isolation has counted them
            self._report.retried_alone += len(alone)
        self._retry(alone)

    def _lost_alone(self, task: _Task, error: BatchLost) -> None:
        """Try an item once more, with nothing beside it if it may not be the item; then it is the culprit."""
        is_sure = task.is_suspected and (error.is_evidence or task.is_exclusive)
        if is_sure and task.isolation is not None:
            task.isolation.culprits[task.batch.items[0].id] = error
            self._tried(task.isolation)
        else:
            is_exclusive = task.is_exclusive or not error.is_evidence
            self._retry([replace(task, is_suspected=True, is_exclusive=is_exclusive)])

    def _record_culprits(self, lost: _Task) -> None:
        """Record the culprits that are known, so that the next run gets further if it is the inputs after all."""
        for task in (lost, *(flight.task for flight in self._in_flight.values()), *self._waiting):
            self._record(list(task.culprits))
        for isolation in self._isolations:
            self._record(self._found(isolation))

    def _found(self, isolation: _Isolation) -> list[Row]:
        """Return the rows of the culprits of a batch that are known by now, also by an earlier isolation."""
        culprits = [item for item in isolation.task.batch.items if item.id in isolation.culprits]
        return [*isolation.task.culprits, *(self._lost_row(item, isolation.culprits[item.id]) for item in culprits)]

    def _split(self, task: _Task, error: BatchLost) -> None:
        """Make batches of single items of one that ends its worker each time though none of its items does so alone.

        Raises
        ------
        WorkersFailing
            It is a single item, or a shard: storing fails, which is no item's fault.
        """
        if task.batch.shard is not None or len(task.batch.items) == 1:
            raise WorkersFailing(f"a worker dies each time when it stores its results: {_how(error)[1]} {error.stderr}")
        self._record(list(task.culprits))
        self._retry([_Task(Batch(items=(item,))) for item in task.batch.items])

    def _tried(self, isolation: _Isolation) -> None:
        """Once every item was tried alone, run those again that did not kill their worker.

        The culprits are recorded with them: half the rows of a shard would not be planned again as one.
        """
        isolation.waiting -= 1
        if isolation.waiting:
            return
        self._isolations.remove(isolation)
        found = self._found(isolation)
        rest = tuple(item for item in isolation.task.batch.items if item.id not in isolation.culprits)
        if not rest:
            self._record(found)
        elif self._deadline_s is None:
            blameless = isolation.task.blameless + (0 if isolation.culprits else 1)
            batch = replace(isolation.task.batch, items=rest)
            self._retry([_Task(batch, blameless=blameless, culprits=tuple(found))])

    # rows

    def _record(self, rows: Sequence[Row | Line], tally: Tally | None = None) -> None:
        try:
            self._record_rows(rows)
        except StorageError as error:
            self._refuse(error)
            return
        failures = [row for row in rows if isinstance(row, Row)]
        self._report.add_batch(tally or Tally(), failures)
        for row in failures:
            self._listener.failed(row)
        if self._limit.exceeded(self._report.failed, self._report.to_do):
            self._stop("too many failures")

    def _refuse(self, error: StorageError) -> None:
        self._refused = self._refused or error
        self._stop("storage")

    def _stop(self, why: str) -> None:
        """Dispatch nothing more, and give what is in flight a while to come back."""
        self._waiting.clear()
        self._fresh = iter(())
        if self._deadline_s is None:
            self._deadline_s = time.monotonic() + DRAIN_S
            self._report.stopped_by = why

    def _drain_is_over(self) -> bool:
        return self._deadline_s is not None and time.monotonic() > self._deadline_s

    def _lost_row(self, item: Item, error: BatchLost) -> Row:
        reason, how = _how(error)
        if reason == "timeout":
            allowed_s = self._job.limits.timeout_per_item_s or item_timeout_s(item)
            how = f"{how}; {allowed_s:,.0f} s are allowed (--timeout-per-item)"
        return Row(
            id=item.id,
            source=item.source,
            status="failed",
            reason=reason,
            message=printable(f"{item.source}: {how}"),
            stderr=error.stderr or None,
            source_size=item.size,
            source_mtime_ns=item.mtime_ns,
            decoding=DECODING_REVISION,
            config_id=self._job.config_id,
        )


def _how(error: BatchLost) -> tuple[Reason, str]:
    if isinstance(error, BatchOverdue):
        return "timeout", "the worker took too long with it and was ended"
    if not isinstance(error, WorkerDied):
        return "internal", f"the worker that decoded it was lost: {error}"
    if error.for_memory:
        return "out_of_memory", "the system killed the worker that decoded it, alone, because memory ran out"
    if error.exit_code == UNEXPECTED and PYTHON_SAYS in error.stderr:
        raised = last_line(error.stderr).partition(":")[0]  # NumPy's has a message, and a longer name
        reason: Reason = "out_of_memory" if raised.endswith("MemoryError") else "internal"
        return reason, "the worker that decoded it ended by an unexpected exception"
    by = "with" if error.exit_code is None or error.exit_code >= 0 else "of"
    return "decoder_crash", f"the worker that decoded it died {by} {error.how}"
