"""Read the headers of inputs in the workers: durations before decoding."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future

from melcli.errors import WorkersFailing
from melcli.run.batching import STORING_S, Batch, header_timeout_s
from melcli.run.deadline import result_until
from melcli.run.engines.contract import BatchLost, Engine
from melcli.run.job import Job, Measured
from melcli.run.pressure import use_fewer_workers
from melcli.run.watchdog import last_line
from melcli.run.worker_tasks import measure_batch

__all__ = ["measure"]

BATCHES_PER_WORKER = 2  # so that memory does not grow with the corpus
MAX_UNEXPLAINED = 2  # times that a header is read again where nothing says that it crashed its worker
MAX_LOSSES_IN_A_ROW = 100


def measure(job: Job, batches: Iterable[Batch], engine: Engine, until_s: float) -> Iterator[Measured]:
    """Measure all items of some batches.

    A header that cannot be read, or that crashes its worker, gives a duration of 0 s: such an item fails when it is
    extracted.  A worker that is killed from outside costs no other item its measure: what HDF5 shards hold depends on
    all of them.

    Parameters
    ----------
    job : Job
        Its limits hold here too.
    batches : iterable of Batch
        What one worker measures in one call.
    engine : Engine
    until_s : float
        When to stop, by `time.monotonic`.

    Raises
    ------
    TimeUp
        It is not done by then.
    WorkersFailing
        Workers keep dying.
    """
    fresh = iter(batches)
    again: deque[tuple[Batch, int]] = deque()
    in_flight: deque[tuple[Future[list[Measured]], Batch, int, int]] = deque()
    losses = 0
    while True:
        while len(in_flight) < BATCHES_PER_WORKER * engine.workers:
            batch, unexplained = again.popleft() if again else (next(fresh, None), 0)
            if batch is None:
                break
            in_flight.append((_submit(job, batch, engine), batch, unexplained, engine.workers))
        if not in_flight:
            return
        future, batch, unexplained, workers_then = in_flight.popleft()
        try:
            yield from result_until(future, until_s)
            losses = 0
        except BatchLost as error:
            if error.for_memory and workers_then > 1:
                use_fewer_workers(engine, workers_then)
                again.append((batch, unexplained))
                continue
            losses += 1
            if losses >= MAX_LOSSES_IN_A_ROW:
                how = last_line(error.stderr) or str(error)
                raise WorkersFailing(f"{losses} workers died one after another: {how}") from error
            if len(batch.items) > 1:
                again.extend((Batch(items=(item,)), 0) for item in batch.items)
            elif not error.is_evidence and unexplained < MAX_UNEXPLAINED:
                again.append((batch, unexplained + 1))
            else:
                yield Measured(batch.items[0].id, 0.0, 1)


def _submit(job: Job, batch: Batch, engine: Engine) -> Future[list[Measured]]:
    timeout_s = STORING_S + len(batch.items) * header_timeout_s(job.limits.timeout_per_item_s)
    return engine.submit(measure_batch, (job, batch), timeout_s=timeout_s)
