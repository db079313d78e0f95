"""Tasks of the dispatcher: a batch to store, and its items tried alone after a crash."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from melcli.run.batching import Batch
from melcli.run.culprits import culprit_row
from melcli.run.engines.contract import BatchLost
from melcli.run.job import Job
from melcli.run.worker_tasks import run_batch, try_batch
from melcli.sources.items import Item
from melcli.store.rows import FailedRow

__all__ = ["BatchTask", "Isolation", "Trial"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchTask:
    """Extract a batch and store its features.

    Attributes
    ----------
    job : Job
    batch : Batch
    times_blameless : int
        How often the batch crashed its worker though none of its items did so alone.
    culprits : tuple of FailedRow
        Failed rows of items that earlier isolations took out of the batch.  They are recorded together with the rest:
        with half of its rows recorded, a shard could not be planned again.
    """

    job: Job
    batch: Batch
    times_blameless: int = 0
    culprits: tuple[FailedRow, ...] = ()

    @property
    def items(self) -> tuple[Item, ...]:
        """Items of the batch."""
        return self.batch.items

    @property
    def call(self) -> tuple[Callable[[Any], Any], Any]:
        """The function and its argument."""
        return run_batch, (self.job, self.batch)

    @property
    def timeout_s(self) -> float:
        """Seconds after which the worker counts as hung."""
        return self.batch.timeout_within_s(self.job.limits.timeout_per_item_s)

    @property
    def can_be_split(self) -> bool:
        """Whether single items can be stored on their own."""
        return self.batch.shard is None and len(self.batch.items) > 1

    def parts(self) -> Sequence[Trial]:
        """Return a trial of each item."""
        isolation = Isolation(self)
        return [Trial(isolation=isolation, item=item) for item in self.batch.items]

    def split(self) -> Sequence[BatchTask]:
        """Return a task of each item."""
        return [BatchTask(job=self.job, batch=Batch(items=(item,))) for item in self.batch.items]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """Extract one item without storing it, to see whether it crashes the worker."""

    isolation: Isolation
    item: Item

    @property
    def items(self) -> tuple[Item, ...]:
        """The item."""
        return (self.item,)

    @property
    def call(self) -> tuple[Callable[[Any], Any], Any]:
        """The function and its argument."""
        return try_batch, (self.isolation.task.job, Batch(items=self.items))

    @property
    def timeout_s(self) -> float:
        """Seconds after which the worker counts as hung."""
        return Batch(items=self.items).timeout_within_s(self.isolation.task.job.limits.timeout_per_item_s)

    def parts(self) -> Sequence[Trial]:
        """Return nothing: this is a single item."""
        return []


@dataclass(slots=True, eq=False)
class Isolation:
    """The trials of one batch.

    Attributes
    ----------
    task : BatchTask
        The batch that crashed its worker.
    num_open : int
        FilenameProbe without a result.
    culprits : dict of str to BatchLost
        By item id, the items that crash the worker alone.
    """

    task: BatchTask
    num_open: int = field(init=False)
    culprits: dict[str, BatchLost] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.num_open = len(self.task.batch.items)

    def rows(self) -> list[FailedRow]:
        """Return the failed rows of the culprits known so far, those of earlier isolations first."""
        culprits = [item for item in self.task.batch.items if item.id in self.culprits]
        return [*self.task.culprits, *(culprit_row(item, self.culprits[item.id], self.task.job) for item in culprits)]

    def rest(self) -> BatchTask | None:
        """Return the batch without its culprits; None where no item is left."""
        items = tuple(item for item in self.task.batch.items if item.id not in self.culprits)
        if not items:
            return None
        return replace(
            self.task,
            batch=replace(self.task.batch, items=items),
            times_blameless=self.task.times_blameless + (0 if self.culprits else 1),
            culprits=tuple(self.rows()),
        )
