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
from melcli.run.culprit_rows import describe_loss
from melcli.run.engines.contract import BatchLost, Engine
from melcli.run.interrupts import Interrupts
from melcli.run.isolation import MAX_UNEXPLAINED_LOSSES, Attempt, InFlight
from melcli.run.job import BatchResult, Job, TrialDone
from melcli.run.report import MAX_TIME, FailureLimit, Listener, Report
from melcli.run.tally import Tally
from melcli.run.worker_losses import worker_loss
from melcli.store.lines import Line
from melcli.store.rows import FailedRow

__all__ = ["Dispatcher"]

# The run stops after this number of lost batches, or of crashes including trials, without any result between them:
# the inputs are not the cause.
MAX_LOSSES_IN_A_ROW = 20
MAX_CRASHES_IN_A_ROW = 100
MAX_CRASHES_WITHOUT_CULPRIT = 1  # of a batch whose items do not crash alone, before it is split
DRAIN_TIMEOUT_S = 10.0
POLL_INTERVAL_S = 0.5


def _ignore(tally: Tally) -> None:
    pass


class Dispatcher:
    """Runs the batches of a run.

    Parameters
    ----------
    engine : Engine
        Runs the batches.
    job : Job
        The settings that all batches share.
    record : callable
        Writes rows to the journal; called once for each batch, from this thread only.
    note : callable, optional
        Called with the counts of a batch before its rows are recorded.
    report : Report
        Updated with each result.
    limit : FailureLimit
        The number of failures that stops the run.
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
        note: Callable[[Tally], None] = _ignore,
        report: Report,
        limit: FailureLimit,
        listener: Listener,
        until_s: float = math.inf,
    ) -> None:
        self._engine = engine
        self._job = job
        self._record_rows = record
        self._note = note
        self._report = report
        self._limit = limit
        self._listener = listener
        self._in_flight: InFlight[BatchTask | Trial] = InFlight(engine, ())
        self._until_s = until_s
        self._isolations: list[Isolation] = []
        self._suspects: set[str] = set()  # sources that crashed a worker alone
        self._bad_recordings: dict[str, BatchLost] = {}  # sources that crash workers, and have parts in other batches
        self._losses_in_a_row = 0
        self._crashes_in_a_row = 0
        self._has_warned_of_start_problem = False
        self._drain_deadline_s: float | None = None  # None until the run is stopping
        self._storage_error: StorageError | None = None

    def run(self, batches: Iterable[Batch], interrupts: Interrupts) -> None:
        """Run all batches, unless a limit, a signal or an error stops the run.

        Raises
        ------
        StorageError
            OUT cannot be written.  Batches that were in progress in other workers are kept.
        WorkersFailing
            Workers keep crashing.
        """
        in_flight = self._in_flight = InFlight(
            self._engine, filter(None, (self._remaining(BatchTask(job=self._job, batch=batch)) for batch in batches))
        )
        self._report.workers = self._engine.workers
        started_s = time.monotonic()
        with interrupts.deferred(in_flight.wake):
            while in_flight and not self._is_drain_over():
                try:
                    in_flight.dispatch()
                    self._collect()
                except WorkersFailing:
                    time.sleep(POLL_INTERVAL_S)  # a signal for the whole group may reach the workers first
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
        if self._storage_error is not None:
            raise self._storage_error

    def _check_limits(self, interrupts: Interrupts) -> None:
        problem = self._engine.start_problem
        if problem and not self._has_warned_of_start_problem:
            self._has_warned_of_start_problem = True
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
        collected = self._in_flight.collect(POLL_INTERVAL_S)
        if collected is None:
            return
        attempt, future = collected
        error = future.exception()
        if error is None:
            self._handle_result(attempt, future)
        elif isinstance(error, BatchLost):
            self._handle_loss(attempt, error)
        elif isinstance(error, StorageError):
            self._handle_storage_error(error)
        else:
            raise error

    def _handle_result(self, attempt: Attempt[BatchTask | Trial], future: Future[Any]) -> None:
        task, result = attempt.task, future.result()
        if isinstance(task, Trial) and isinstance(result, TrialDone):
            self._losses_in_a_row = self._crashes_in_a_row = 0
            self._finish_trial(task.isolation)
        elif isinstance(task, BatchTask) and isinstance(result, BatchResult):
            self._losses_in_a_row = self._crashes_in_a_row = 0
            self._report.add_time(result.seconds, result.cpu_s)
            self._record([*task.culprits, *result.rows], result.tally)
        else:
            self._handle_loss(attempt, BatchLost(f"the worker returned {type(result).__name__}"))

    # Losses.

    def _handle_loss(self, attempt: Attempt[BatchTask | Trial], error: BatchLost) -> None:
        task, is_draining = attempt.task, self._drain_deadline_s is not None
        self._report.lost_batches += 1
        self._count_loss(error, tuple(item.source for item in task.items))
        if not is_draining and self._relieve_memory(attempt, error):
            return  # not counted as a loss in a row: halving the workers each time ends at one worker
        if not self._is_expected(task):
            self._check_losses(task, error)
        if is_draining:
            return  # the next run isolates the culprit
        if self._has_bad_recording(task, error):
            return
        if isinstance(task, BatchTask) and _should_split(attempt, error):
            self._split(task, error)
            return
        retries = self._in_flight.narrow_down(attempt, error)
        self._count_retries(retries)
        if isinstance(task, Trial) and error.is_evidence:
            self._suspects.add(task.source)
        if isinstance(task, BatchTask) and isinstance(retries[0], Trial):
            self._isolations.append(retries[0].isolation)
            if not (task.culprits or task.crashes_without_culprit):  # otherwise an earlier isolation has counted them
                self._report.retried_alone += len(retries)
        elif isinstance(task, Trial) and not retries:
            self._finish_culprit(task, error)

    def _has_bad_recording(self, task: BatchTask | Trial, error: BatchLost) -> bool:
        """Handle the loss of a task with parts of a recording that crashed a worker alone before, in other batches."""
        if isinstance(task, Trial):
            if error.is_evidence and self._is_expected(task):
                self._finish_culprit(task, error)
                return True
            return False
        rest = self._remaining(task)
        if rest is not None and rest is not task:
            self._retry([rest])
        return rest is not task

    def _finish_culprit(self, trial: Trial, error: BatchLost) -> None:
        """Blame the source of a trial: its other batches would each crash several workers."""
        trial.isolation.culprits.update((item.id, error) for item in trial.items)
        if trial.items[0].bounds:
            self._bad_recordings.setdefault(trial.source, error)
        self._finish_trial(trial.isolation)

    def _is_expected(self, task: BatchTask | Trial) -> bool:
        """Return whether all items are parts of recordings that crashed a worker alone before, in other batches."""
        return all(item.bounds and item.source in self._suspects for item in task.items)

    def _remaining(self, task: BatchTask) -> BatchTask | None:
        """Return a task without the parts of bad recordings, which fail; None if nothing remains."""
        rest = task.without_sources(self._bad_recordings)
        if rest is None:
            self._record(task.failed_parts(self._bad_recordings))
        return rest

    def _relieve_memory(self, attempt: Attempt[BatchTask | Trial], error: BatchLost) -> bool:
        warning = self._in_flight.relieve_memory(attempt, error)
        if warning:
            self._listener.warned(warning)
        if warning is not None:
            self._count_retries([attempt.task])
        return warning is not None

    def _check_losses(self, task: BatchTask | Trial, error: BatchLost) -> None:
        """Stop the run after too many losses in a row."""
        self._crashes_in_a_row += 1
        self._losses_in_a_row += 0 if isinstance(task, Trial) else 1  # losses of trials are expected
        if self._losses_in_a_row >= MAX_LOSSES_IN_A_ROW or self._crashes_in_a_row >= MAX_CRASHES_IN_A_ROW:
            self._record_culprits(task)
            raise WorkersFailing(
                f"{self._crashes_in_a_row} workers crashed in a row; the last one: {describe_loss(error)[1]}"
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
        """Record the known culprits, so that the next run makes progress if the inputs are the cause."""
        for task in (lost, *self._in_flight.tasks()):
            if isinstance(task, BatchTask):
                self._record(task.culprits)
        for isolation in self._isolations:
            self._record(isolation.rows())

    def _split(self, task: BatchTask, error: BatchLost) -> None:
        """Split a batch that always crashes its worker, although its items do not, into batches of single items.

        Raises
        ------
        WorkersFailing
            The batch is a single item or a shard: storing fails, and no item is the cause.
        """
        if not task.can_be_split:
            raise WorkersFailing(
                f"workers crash each time when they store results: {describe_loss(error)[1]} {error.stderr}"
            )
        self._record(task.culprits)
        self._retry(task.split())

    def _retry(self, tasks: Sequence[BatchTask]) -> None:
        self._in_flight.retry(tasks)
        self._count_retries(tasks)

    def _finish_trial(self, isolation: Isolation) -> None:
        """After the last trial, rerun the items that did not crash their worker."""
        isolation.num_pending -= 1
        if isolation.num_pending:
            return
        self._isolations.remove(isolation)
        rest = isolation.without_culprits()
        if rest is None:
            self._record(isolation.rows())
        elif self._drain_deadline_s is None:
            self._retry([rest])

    # Rows.

    def _record(self, rows: Sequence[FailedRow | Line], tally: Tally | None = None) -> None:
        tally = tally or Tally()
        try:
            self._note(tally)
            self._record_rows(rows)
        except StorageError as error:
            self._handle_storage_error(error)
            return
        failures = [row for row in rows if isinstance(row, FailedRow)]
        self._report.add_batch(tally, failures)
        for row in failures:
            self._listener.failed(row)
        if self._limit.exceeded(self._report.failed, self._report.to_do):
            self._stop("too many failures")

    def _handle_storage_error(self, error: StorageError) -> None:
        self._storage_error = self._storage_error or error
        self._stop("storage")

    def _stop(self, reason: str) -> None:
        """Dispatch nothing more, and wait `DRAIN_TIMEOUT_S` for the batches in flight."""
        self._in_flight.drop_waiting()
        if self._drain_deadline_s is None:
            self._drain_deadline_s = time.monotonic() + DRAIN_TIMEOUT_S
            self._report.stopped_by = reason

    def _is_drain_over(self) -> bool:
        return self._drain_deadline_s is not None and time.monotonic() > self._drain_deadline_s


def _should_split(attempt: Attempt[BatchTask | Trial], error: BatchLost) -> bool:
    """Return whether a batch crashed too often although its items do not crash alone."""
    task = attempt.task
    is_explained = error.is_evidence or attempt.unexplained_losses >= MAX_UNEXPLAINED_LOSSES
    too_often = isinstance(task, BatchTask) and task.crashes_without_culprit > MAX_CRASHES_WITHOUT_CULPRIT
    return too_often and is_explained
