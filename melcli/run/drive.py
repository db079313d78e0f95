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
from melcli.run.batches import Batch, item_timeout_s
from melcli.run.calls import run_batch, try_batch
from melcli.run.engines.contract import BatchLost, BatchOverdue, Engine, WorkerDied
from melcli.run.guard import last_line
from melcli.run.interrupts import Interrupts
from melcli.run.job import Job, Outcome
from melcli.run.report import MAX_TIME, FailureLimit, Listener, Report
from melcli.sources.items import Item
from melcli.store.manifest import Row

__all__ = ["Drive"]

BATCHES_PER_WORKER = 2  # one at work and one waiting, so that memory does not grow with the corpus
# With nothing coming back between them it is not the inputs that are at fault: so many batches, or, while single items
# are tried, so many workers.
MOST_LOSSES_IN_A_ROW = 20
MOST_DEATHS_IN_A_ROW = 100
MOST_BLAMELESS = 1  # times that a batch may die though none of its items does so alone
DRAIN_S = 10.0
UNFORESEEN = 1  # exit code of a Python process that an exception ended
PYTHON_SAYS = "File "  # in the traceback that it leaves
TICK_S = 0.5


@dataclass(slots=True, eq=False)
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
    suspected: bool = False  # the item killed a worker when it was alone, and is tried once more


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
    until_s : float, optional
        When no more is to be handed out, by `time.monotonic`.
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
        until_s: float | None = None,
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
        self._until_s = until_s
        self._inquiries: list[_Inquiry] = []
        self._losses = 0
        self._deaths = 0
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
        if self._report.stopped_by == MAX_TIME and not self._report.left:
            self._report.stopped_by = None  # what was in hand was all that was left
        if self._refused is not None:
            raise self._refused

    def _heed(self, interrupts: Interrupts) -> None:
        if self._until_s is not None and time.monotonic() >= self._until_s and (self._waiting or self._in_flight):
            self._stop(MAX_TIME)
        if interrupts.number is not None:
            self._report.signal_number = interrupts.number
            self._stop(signal.Signals(interrupts.number).name)

    def _hand_out(self) -> None:
        while self._waiting and len(self._in_flight) < BATCHES_PER_WORKER * self._engine.workers:
            task = self._waiting.popleft()
            timeout_s = task.batch.timeout_within_s(self._job.limits.timeout_per_item_s)
            function: Callable[[tuple[Job, Batch]], Any] = try_batch if task.inquiry else run_batch
            future = self._engine.submit(function, (self._job, task.batch), timeout_s=timeout_s)
            self._in_flight[future] = task
            future.add_done_callback(self._events.put)

    def _take_back(self) -> None:
        try:
            future = self._events.get(timeout=TICK_S)
        except Empty:
            return
        if future is None:
            return
        task = self._in_flight.pop(future)
        error = future.exception()
        if error is None:
            self._losses = self._deaths = 0
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
        self._deaths += 1
        self._losses += 0 if task.inquiry else 1  # an inquiry looks for losses
        self._report.lost_batches += 1
        if self._losses >= MOST_LOSSES_IN_A_ROW or self._deaths >= MOST_DEATHS_IN_A_ROW:
            self._tell_so_far(task)
            raise WorkersFailing(f"{self._deaths} workers died one after another; of the last one: {_how(error)[1]}")
        if self._deadline_s is not None:
            return  # stopping: the next run will look into it
        if task.inquiry is not None and not task.suspected:
            self._waiting.appendleft(replace(task, suspected=True))
        elif task.inquiry is not None:
            task.inquiry.culprits[task.batch.items[0].id] = error
            self._heard(task.inquiry)
        elif task.blameless > MOST_BLAMELESS:
            self._split(task, error)
        else:
            inquiry = _Inquiry(task, waiting=len(task.batch.items))
            self._inquiries.append(inquiry)
            alone = [_Task(Batch(items=(item,)), inquiry=inquiry) for item in task.batch.items]
            self._waiting.extendleft(reversed(alone))

    def _tell_so_far(self, lost: _Task) -> None:
        """Write down the culprits that are known, so that the next run gets further if it is the inputs after all."""
        for task in (lost, *self._in_flight.values(), *self._waiting):
            self._write_down(list(task.culprits))
        for inquiry in self._inquiries:
            self._write_down(self._found(inquiry))

    def _found(self, inquiry: _Inquiry) -> list[Row]:
        """Return the rows of the culprits of a batch that are known by now, also by an earlier inquiry."""
        culprits = [item for item in inquiry.task.batch.items if item.id in inquiry.culprits]
        return [*inquiry.task.culprits, *(self._lost_row(item, inquiry.culprits[item.id]) for item in culprits)]

    def _split(self, task: _Task, error: BatchLost) -> None:
        """Make batches of single items of one that ends its worker each time though none of its items does so alone.

        Raises
        ------
        WorkersFailing
            It is a single item, or a shard: storing fails, which is no item's fault.
        """
        if task.batch.shard is not None or len(task.batch.items) == 1:
            raise WorkersFailing(f"a worker ends each time when it stores what it made: {_how(error)[1]} {error.said}")
        self._write_down(list(task.culprits))
        self._waiting.extendleft(_Task(Batch(items=(item,))) for item in reversed(task.batch.items))

    def _heard(self, inquiry: _Inquiry) -> None:
        """Once every item was tried alone, run those again that did not kill their worker.

        The culprits are written down with them: half the rows of a shard would not be planned again as one.
        """
        inquiry.waiting -= 1
        if inquiry.waiting:
            return
        self._inquiries.remove(inquiry)
        found = self._found(inquiry)
        rest = tuple(item for item in inquiry.task.batch.items if item.id not in inquiry.culprits)
        if not rest:
            self._write_down(found)
        elif self._deadline_s is None:
            blameless = inquiry.task.blameless + (0 if inquiry.culprits else 1)
            self._waiting.appendleft(_Task(replace(inquiry.task.batch, items=rest), blameless, tuple(found)))

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
        if reason == "timeout":
            allowed_s = self._job.limits.timeout_per_item_s or item_timeout_s(item)
            how = f"{how}; {allowed_s:,.0f} s are allowed (--timeout-per-item)"
        return Row(
            id=item.id,
            source=item.source,
            status="failed",
            reason=reason,
            message=printable(f"{item.source}: {how}"),
            stderr=error.said or None,
            source_size=item.size,
            source_mtime_ns=item.mtime_ns,
            config_id=self._job.config_id,
        )


def _how(error: BatchLost) -> tuple[Reason, str]:
    if isinstance(error, BatchOverdue):
        return "timeout", "the worker took too long with it and was ended"
    if not isinstance(error, WorkerDied):
        return "decoder_crash", "the worker that decoded it was lost"
    if error.for_memory:
        return "out_of_memory", "the system killed the worker that decoded it, since memory ran out"
    if error.exit_code == UNFORESEEN and PYTHON_SAYS in error.said:
        raised = last_line(error.said).partition(":")[0]  # NumPy's has a message, and a longer name
        reason: Reason = "out_of_memory" if raised.endswith("MemoryError") else "internal"
        return reason, "the worker that decoded it ended by an exception that nobody foresaw"
    by = "of" if error.exit_code < 0 else "with"
    return "decoder_crash", f"the worker that decoded it died {by} {error.how}"
