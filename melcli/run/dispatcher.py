"""The dispatcher: dispatch batches, collect results, isolate items that crash workers, stop in time."""

from __future__ import annotations

import math
import signal
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from typing import Any

from melcli.errors import StorageError, WorkersFailing
from melcli.run.batch_tasks import BatchTask, Isolation, Trial
from melcli.run.batching import Batch
from melcli.run.culprits import how_lost
from melcli.run.engines.contract import BatchLost, Engine
from melcli.run.interrupts import Interrupts
from melcli.run.isolation import MAX_UNEXPLAINED_LOSSES, Attempt, InFlight
from melcli.run.job import Job, Outcome, Tried
from melcli.run.losses import worker_loss
from melcli.run.report import MAX_TIME, FailureLimit, Listener, Report
from melcli.run.tally import Tally
from melcli.store.lines import Line
from melcli.store.rows import FailedRow

__all__ = ["Dispatcher"]

# Breakers: after this number of lost batches, or of lost trials, without any result between them, the cause is not the
# inputs.
MAX_LOSSES_IN_A_ROW = 20
MAX_DEATHS_IN_A_ROW = 100
MAX_TIMES_BLAMELESS = 1  # a batch may crash this often though none of its items does so alone
DRAIN_S = 10.0
TICK_S = 0.5


class Dispatcher:
    """One pass over batches.

    Parameters
    ----------
    engine : Engine
        Runs the batches.
    job : Job
        What all batches share.
    record : callable
        Writes rows to the journal; called once for each batch, from this thread only.
    report : Report
        Updated with each result.
    limit : FailureLimit
        How many failures stop the run.
    listener : Listener
        Receives progress, warnings and failures.
    until_s : float, optional
        When to stop dispatching, by `time.monotonic`.
    """

    def __init__(
        self,
        engine: Engine,
        job: Job,
        *,
        record: Callable[[Sequence[FailedRow | Line]], None],
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
        self._in_flight: InFlight[BatchTask | Trial] = InFlight(engine, ())
        self._until_s = until_s
        self._isolations: list[Isolation] = []
        self._losses = 0
        self._deaths = 0
        self._has_told_problem = False
        self._deadline_s: float | None = None  # of the drain, once the run is stopping
        self._refused: StorageError | None = None

    def run(self, batches: Iterable[Batch], interrupts: Interrupts) -> None:
        """Run all batches, or until something stops the run.

        Raises
        ------
        StorageError
            OUT cannot be written; what the other workers had in progress is kept.
        WorkersFailing
            Workers keep dying.
        """
        in_flight = self._in_flight = InFlight(
            self._engine, (BatchTask(job=self._job, batch=batch) for batch in batches)
        )
        self._report.workers = self._engine.workers
        started_s = time.monotonic()
        with interrupts.deferred(in_flight.wake):
            while in_flight and not self._drain_is_over():
                try:
                    in_flight.dispatch()
                    self._collect()
                except WorkersFailing:
                    time.sleep(TICK_S)  # whoever ends the whole run may have killed the workers first
                    if interrupts.number is None:
                        raise
                    in_flight.drop_all()
                self._check_limits(interrupts)
                self._report.working_s = time.monotonic() - started_s
                self._report.tick()
                self._report.items_in_progress, self._report.audio_s_in_progress = self._engine.in_progress
                self._listener.advanced(self._report)
            self._report.items_in_progress, self._report.audio_s_in_progress = 0, 0.0
            self._check_limits(interrupts)
        if self._report.stopped_by == MAX_TIME and not self._report.left:
            self._report.stopped_by = None  # the batches in flight were the last ones
        if self._refused is not None:
            raise self._refused

    def _check_limits(self, interrupts: Interrupts) -> None:
        problem = self._engine.start_problem
        if problem and not self._has_told_problem:
            self._has_told_problem = True
            self._listener.warned(problem)
        for death in self._engine.take_idle_deaths():
            self._count_loss(death)
        if time.monotonic() >= self._until_s and self._in_flight:
            self._stop(MAX_TIME)
        if interrupts.number is not None:
            is_news = self._report.signal_number is None
            self._report.signal_number = interrupts.number
            self._stop(signal.Signals(interrupts.number).name)
            if is_news and self._in_flight:
                self._listener.stopping(self._report, self._in_flight.num_dispatched)

    def _collect(self) -> None:
        collected = self._in_flight.collect(TICK_S)
        if collected is None:
            return
        attempt, future = collected
        error = future.exception()
        if error is None:
            self._returned(attempt, future)
        elif isinstance(error, BatchLost):
            self._lost(attempt, error)
        elif isinstance(error, StorageError):
            self._refuse(error)
        else:
            raise error

    def _returned(self, attempt: Attempt[BatchTask | Trial], future: Future[Any]) -> None:
        task, result = attempt.task, future.result()
        if isinstance(task, Trial) and isinstance(result, Tried):
            self._losses = self._deaths = 0
            self._tried(task.isolation)
        elif isinstance(task, BatchTask) and isinstance(result, Outcome):
            self._losses = self._deaths = 0
            self._report.add_time(result.seconds, result.cpu_s)
            self._record([*task.culprits, *result.rows], result.tally)
        else:
            self._lost(attempt, BatchLost(f"the worker returned {type(result).__name__}"))

    # losses

    def _lost(self, attempt: Attempt[BatchTask | Trial], error: BatchLost) -> None:
        task, is_draining = attempt.task, self._deadline_s is not None
        self._report.lost_batches += 1
        self._count_loss(error, tuple(item.source for item in task.items))
        if not is_draining and self._relieve_memory(attempt, error):
            return  # no loss to count: with half of the workers each time, this comes to an end
        self._check_breakers(task, error)
        if is_draining:
            return  # the next run looks into it
        if isinstance(task, BatchTask) and _is_out_of_tries(attempt, error):
            self._split(task, error)
            return
        again = self._in_flight.narrow_down(attempt, error)
        self._count_retries(again)
        if isinstance(task, BatchTask) and isinstance(again[0], Trial):
            self._isolations.append(again[0].isolation)
            if not (task.culprits or task.times_blameless):  # an earlier isolation has counted them
                self._report.retried_alone += len(again)
        elif isinstance(task, Trial) and not again:
            task.isolation.culprits[task.item.id] = error
            self._tried(task.isolation)

    def _relieve_memory(self, attempt: Attempt[BatchTask | Trial], error: BatchLost) -> bool:
        warning = self._in_flight.relieve_memory(attempt, error)
        if warning:
            self._listener.warned(warning)
        if warning is not None:
            self._count_retries([attempt.task])
        return warning is not None

    def _check_breakers(self, task: BatchTask | Trial, error: BatchLost) -> None:
        self._deaths += 1
        self._losses += 0 if isinstance(task, Trial) else 1  # trials look for losses
        if self._losses >= MAX_LOSSES_IN_A_ROW or self._deaths >= MAX_DEATHS_IN_A_ROW:
            self._record_culprits(task)
            raise WorkersFailing(
                f"{self._deaths} workers died one after another; of the last one: {how_lost(error)[1]}"
            )

    def _count_loss(self, error: BatchLost, inputs: tuple[str, ...] = ()) -> None:
        loss = worker_loss(error, inputs)
        self._report.losses[loss.kind] += 1
        self._listener.worker_lost(loss)

    def _count_retries(self, tasks: Sequence[BatchTask | Trial]) -> None:
        if tasks:
            self._report.retries += len(tasks)
            self._listener.retrying(sum(len(task.items) for task in tasks), batches=len(tasks))

    def _record_culprits(self, lost: BatchTask | Trial) -> None:
        """Record the known culprits, so that the next run gets further if the inputs are the cause after all."""
        for task in (lost, *self._in_flight.tasks()):
            if isinstance(task, BatchTask):
                self._record(task.culprits)
        for isolation in self._isolations:
            self._record(isolation.rows())

    def _split(self, task: BatchTask, error: BatchLost) -> None:
        """Make batches of single items of one that always crashes its worker though none of its items does so alone.

        Raises
        ------
        WorkersFailing
            It is a single item, or a shard: storing fails, which is no item's fault.
        """
        if not task.can_be_split:
            raise WorkersFailing(
                f"a worker dies each time when it stores its results: {how_lost(error)[1]} {error.stderr}"
            )
        self._record(task.culprits)
        self._retry(task.split())

    def _retry(self, tasks: Sequence[BatchTask]) -> None:
        self._in_flight.retry(tasks)
        self._count_retries(tasks)

    def _tried(self, isolation: Isolation) -> None:
        """After the last trial, rerun the items that did not crash their worker."""
        isolation.num_open -= 1
        if isolation.num_open:
            return
        self._isolations.remove(isolation)
        rest = isolation.rest()
        if rest is None:
            self._record(isolation.rows())
        elif self._deadline_s is None:
            self._retry([rest])

    # rows

    def _record(self, rows: Sequence[FailedRow | Line], tally: Tally | None = None) -> None:
        try:
            self._record_rows(rows)
        except StorageError as error:
            self._refuse(error)
            return
        failures = [row for row in rows if isinstance(row, FailedRow)]
        self._report.add_batch(tally or Tally(), failures)
        for row in failures:
            self._listener.failed(row)
        if self._limit.exceeded(self._report.failed, self._report.to_do):
            self._stop("too many failures")

    def _refuse(self, error: StorageError) -> None:
        self._refused = self._refused or error
        self._stop("storage")

    def _stop(self, why: str) -> None:
        """Dispatch nothing more, and give the batches in flight a while to finish."""
        self._in_flight.drop_waiting()
        if self._deadline_s is None:
            self._deadline_s = time.monotonic() + DRAIN_S
            self._report.stopped_by = why

    def _drain_is_over(self) -> bool:
        return self._deadline_s is not None and time.monotonic() > self._deadline_s


def _is_out_of_tries(attempt: Attempt[BatchTask | Trial], error: BatchLost) -> bool:
    """Tell whether a batch crashed too often though none of its items does so alone."""
    task = attempt.task
    is_explained = error.is_evidence or attempt.unexplained_losses >= MAX_UNEXPLAINED_LOSSES
    return isinstance(task, BatchTask) and task.times_blameless > MAX_TIMES_BLAMELESS and is_explained
