"""Read the headers of inputs in the workers: durations before decoding."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from melcli.run.batching import STORING_TIMEOUT_S, Batch, header_timeout_s
from melcli.run.engines.contract import Engine
from melcli.run.isolation import Culprit, InFlight
from melcli.run.job import Job, MeasuredItem
from melcli.run.worker_tasks import measure_batch
from melcli.sources.items import Item

__all__ = ["measure"]


@dataclass(frozen=True, slots=True)
class _HeaderTask:
    """Read the headers of items in one call."""

    job: Job
    items: tuple[Item, ...]

    @property
    def call(self) -> tuple[Callable[[Any], Any], Any]:
        return measure_batch, (self.job, Batch(items=self.items))

    @property
    def timeout_s(self) -> float:
        return STORING_TIMEOUT_S + len(self.items) * header_timeout_s(self.job.limits.timeout_per_item_s)

    def parts(self) -> Sequence[_HeaderTask]:
        return [_HeaderTask(self.job, (item,)) for item in self.items] if len(self.items) > 1 else []


def measure(job: Job, batches: Iterable[Batch], engine: Engine, until_s: float) -> Iterator[MeasuredItem]:
    """Read the headers of all items of some batches, in any order.

    An item whose header cannot be read, or crashes the worker, gets a duration of 0 s and fails during extraction.
    A worker that is killed from outside affects no result, because the HDF5 shards depend on all durations.

    Parameters
    ----------
    job : Job
        Its time limits apply to headers too.
    batches : iterable of Batch
        The items of each call.
    engine : Engine
        Its workers read the headers.
    until_s : float
        When to stop, by `time.monotonic`.

    Yields
    ------
    measured : MeasuredItem
        One for each item.

    Raises
    ------
    TimeUp
        Not all headers are read by ``until_s``.
    WorkersFailing
        Workers crash on every call.
    """
    for found in InFlight(engine, (_HeaderTask(job, batch.items) for batch in batches)).results(until_s):
        if isinstance(found, Culprit):
            yield MeasuredItem(found.task.items[0].id, 0.0, 1)
        else:
            yield from found.result
