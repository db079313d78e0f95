"""The loop over batches: hand out, take back, write down; look into batches whose worker died; stop in time."""

from __future__ import annotations

import signal
import time
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from queue import Empty, SimpleQueue
from typing import Any

from melcli.errors import Reason, StorageError, WorkersFailing
from melcli.printable import printable
from melcli.run.batches import Batch
from melcli.run.calls import run_batch, try_batch
from melcli.run.engines.contract import BatchLost, BatchOverdue, Engine, WorkerDied
from melcli.run.interrupts import Interrupts
from melcli.run.job import Job, Outcome
from melcli.run.report import FailureLimit, Listener, Report
from melcli.sources.items import Item
from melcli.store.manifest import Row

__all__ = ["Drive"]

BATCHES_PER_WORKER = 2  # one at work and one waiting, so that memory does not grow with the corpus
MOST_LOSSES_IN_A_ROW = 20  # with no batch coming back between them, it is not the inputs that are at fault
MOST_BLAMELESS = 1  # times that a batch may die though none of its items does so alone
DRAIN_S = 10.0
TICK_S = 0.5


@dataclass(slots=True)
class _Inquiry:
    """Which items of a batch, each run alone, kill the worker."""

    task: _Task
    waiting: int
    culprits: dict[str, BatchLost] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Task:
    batch: Batch
    blameless: int = 0
    culprits: tuple[Row, ...] = ()  # found in earlier runs of the batch; written down together with the rest
    inquiry: _Inquiry | None = None


class Drive:
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
    """

    def __init__(
        self,
        engine: Engine,
        job: Job,
        *,
        record: Callable[[list[Row]], None],
        report: Report,
        limit: FailureLimit,
        listener: Listener,
    ) -> None:
        self._engine = engine
        self._job = job
        self._record = record
        self._report = report
        self._limit = limit
        self._listener = listener
        self._waiting: deque[_Task] = deque()
        self._in_flight: dict[Future[Any], _Task] = {}
        self._events: SimpleQueue[Future[Any] | None] = SimpleQueue()
        self._losses = 0
        self._deadline_s: float | None = None  # of the drain, once the run is stopping
        self._refused: StorageError | None = None

    def run(self, batches: Iterable[Batch], interrupts: Interrupts) -> None:
        """Run all batches, or as many as can be until something stops the run.

        Raises
        ------
        StorageError
            OUT cannot be written; what the other workers had in hand is kept.
        WorkersFailing
            Workers keep dying.
        """
        self._waiting.extend(map(_Task, batches))
        del batches  # each is let go of when it is done
        self._report.workers = self._engine.workers
        started_s = time.monotonic()
        # SimpleQueue.put is the one way of waking a thread that is safe inside a signal handler.
        with interrupts.deferred(lambda: self._events.put(None)):
            while (self._waiting or self._in_flight) and not self._overdue():
                try:
                    self._hand_out()
                    self._take_back()
                except WorkersFailing:
                    time.sleep(TICK_S)  # a signal to the whole group ends the workers, and reaches this process too
                    if interrupts.number is None:
                        raise
                    self._in_flight.clear()
                self._heed(interrupts)
                self._report.working_s = time.monotonic() - started_s
                self._report.tick()
                self._listener.advanced(self._report)
            self._heed(interrupts)
        if self._refused is not None:
            raise self._refused

    def _heed(self, interrupts: Interrupts) -> None:
        if interrupts.number is not None:
            self._report.signal_number = interrupts.number
            self._stop(signal.Signals(interrupts.number).name)

    def _hand_out(self) -> None:
        while self._waiting and len(self._in_flight) < BATCHES_PER_WORKER * self._engine.workers:
            task = self._waiting.popleft()
            function: Callable[[tuple[Job, Batch]], Any] = try_batch if task.inquiry else run_batch
            future = self._engine.submit(function, (self._job, task.batch), timeout_s=task.batch.timeout_s)
            self._in_flight[future] = task
            future.add_done_callback(self._events.put)

    def _take_back(self) -> None:
        try:
            future = self._events.get(timeout=TICK_S)
        except Empty:
            self._engine.check()
            return
        if future is None:
            return
        task = self._in_flight.pop(future)
        error = future.exception()
        if error is None:
            self._losses = 0
            self._came_back(task, future.result())
        elif isinstance(error, BatchLost):
            self._lost(task, error)
        elif isinstance(error, StorageError):
            self._refuse(error)
        else:
            raise error

    def _came_back(self, task: _Task, outcome: Outcome | None) -> None:
        if task.inquiry is not None:
            self._heard(task.inquiry)
        elif outcome is not None:
            self._report.add_time(outcome.seconds, outcome.cpu_s)
            self._write_down([*task.culprits, *outcome.rows])

    def _lost(self, task: _Task, error: BatchLost) -> None:
        self._losses += 0 if task.inquiry else 1  # an inquiry looks for losses
        self._report.lost_batches += 1
        if self._losses >= MOST_LOSSES_IN_A_ROW:
            raise WorkersFailing(f"{self._losses} workers died one after another; the last one: {_how(error)[1]}")
        if self._deadline_s is not None:
            return  # stopping: the next run will look into it
        if task.inquiry is not None:
            task.inquiry.culprits[task.batch.items[0].id] = error
            self._heard(task.inquiry)
        elif task.blameless > MOST_BLAMELESS:
            self._write_down([*task.culprits, *(self._lost_row(item, error) for item in task.batch.items)])
        else:
            inquiry = _Inquiry(task, waiting=len(task.batch.items))
            alone = [_Task(Batch(items=(item,)), inquiry=inquiry) for item in task.batch.items]
            self._waiting.extendleft(reversed(alone))

    def _heard(self, inquiry: _Inquiry) -> None:
        """Once every item was tried alone, run those again that did not kill their worker.

        The culprits are written down with them: half the rows of a shard would not be planned again as one.
        """
        inquiry.waiting -= 1
        if inquiry.waiting:
            return
        items = inquiry.task.batch.items
        culprits = [item for item in items if item.id in inquiry.culprits]
        rest = tuple(item for item in items if item.id not in inquiry.culprits)
        found = (*inquiry.task.culprits, *(self._lost_row(item, inquiry.culprits[item.id]) for item in culprits))
        if not rest:
            self._write_down(list(found))
        elif self._deadline_s is None:
            blameless = inquiry.task.blameless + (0 if culprits else 1)
            self._waiting.appendleft(_Task(replace(inquiry.task.batch, items=rest), blameless, found))

    def _write_down(self, rows: list[Row]) -> None:
        try:
            self._record(rows)
        except StorageError as error:
            self._refuse(error)
            return
        self._report.add(rows)
        for row in rows:
            if row.status == "failed":
                self._listener.failed(row)
        if self._limit.exceeded(self._report.failed, self._report.to_do):
            self._stop("too many failures")

    def _refuse(self, error: StorageError) -> None:
        self._refused = self._refused or error
        self._stop("storage")

    def _stop(self, why: str) -> None:
        """Hand out nothing more, and give what is in flight a while to come back."""
        self._waiting.clear()
        if self._deadline_s is None:
            self._deadline_s = time.monotonic() + DRAIN_S
            self._report.stopped_by = why

    def _overdue(self) -> bool:
        return self._deadline_s is not None and time.monotonic() > self._deadline_s

    def _lost_row(self, item: Item, error: BatchLost) -> Row:
        reason, how = _how(error)
        return Row(
            id=item.id,
            source=item.source,
            status="failed",
            reason=reason,
            message=printable(f"{item.source}: {how}"),
            source_size=item.size,
            source_mtime_ns=item.mtime_ns,
            config_id=self._job.config_id,
        )


def _how(error: BatchLost) -> tuple[Reason, str]:
    if isinstance(error, BatchOverdue):
        return "timeout", "the worker took too long with it and was ended"
    code = error.exit_code if isinstance(error, WorkerDied) else 0
    how = f"of {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
    return "decoder_crash", f"the worker that decoded it died {how}"
