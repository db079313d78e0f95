"""Tasks of the dispatcher: a batch, and trials of its single items after a crash."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from melcli.run.batching import Batch
from melcli.run.culprit_rows import culprit_row
from melcli.run.engines.contract import BatchLost
from melcli.run.job import Job
from melcli.run.source_groups import by_source
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
    crashes_without_culprit : int
        How often the batch crashed its worker although none of its items crashed alone.
    culprits : tuple of FailedRow
        Failed rows of items that earlier isolations removed from the batch.  They are recorded together with the other
        rows: a shard with a part of its rows recorded could not be planned again.
    """

    job: Job
    batch: Batch
    crashes_without_culprit: int = 0
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
        """Return a trial of each source; all parts of a recording are one trial."""
        isolation = Isolation(self)
        return [Trial(isolation=isolation, items=tuple(items)) for items in by_source(self.batch.items)]

    def without_sources(self, losses: Mapping[str, BatchLost]) -> BatchTask | None:
        """Return the task without the parts of recordings that are known to crash workers, which become culprits.

        Parameters
        ----------
        losses : Mapping of str to BatchLost
            By recording.

        Returns
        -------
        task : BatchTask or None
            The same task if it has no such part; None if nothing remains, see `failed_parts`.
        """
        items = tuple(item for item in self.batch.items if not _is_part_of(item, losses))
        if len(items) == len(self.batch.items):
            return self
        if not items:
            return None
        return replace(self, batch=replace(self.batch, items=items), culprits=self.failed_parts(losses))

    def failed_parts(self, losses: Mapping[str, BatchLost]) -> tuple[FailedRow, ...]:
        """Return the failed rows of the known culprits, and of the parts of these recordings."""
        parts = [item for item in self.batch.items if _is_part_of(item, losses)]
        return (*self.culprits, *(culprit_row(item, losses[item.source], self.job) for item in parts))

    def split(self) -> Sequence[BatchTask]:
        """Return a task of each item."""
        return [BatchTask(job=self.job, batch=Batch(items=(item,))) for item in self.batch.items]


def _is_part_of(item: Item, sources: Container[str]) -> bool:
    return bool(item.bounds) and item.source in sources


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """Extract the items of one source without storing them, to test whether it crashes the worker.

    Attributes
    ----------
    isolation : Isolation
    items : tuple of Item
        One file, or all parts of one recording: if it crashes the decoder, each trial costs a worker.
    """

    isolation: Isolation
    items: tuple[Item, ...]

    @property
    def source(self) -> str:
        """The source of the items."""
        return self.items[0].source

    @property
    def call(self) -> tuple[Callable[[Any], Any], Any]:
        """The function and its argument."""
        return try_batch, (self.isolation.task.job, Batch(items=self.items))

    @property
    def timeout_s(self) -> float:
        """Seconds after which the worker counts as hung."""
        return Batch(items=self.items).timeout_within_s(self.isolation.task.job.limits.timeout_per_item_s)

    def parts(self) -> Sequence[Trial]:
        """Return an empty list, because this is a single source."""
        return []


@dataclass(slots=True, eq=False)
class Isolation:
    """The trials of one batch.

    Attributes
    ----------
    task : BatchTask
        The batch that crashed its worker.
    num_pending : int
        Trials without a result.
    culprits : dict of str to BatchLost
        The last loss of each item whose source crashes the worker alone, by id.
    """

    task: BatchTask
    num_pending: int = field(init=False)
    culprits: dict[str, BatchLost] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.num_pending = len(by_source(self.task.batch.items))

    def rows(self) -> list[FailedRow]:
        """Return the failed rows of the known culprits, those of earlier isolations first."""
        culprits = [item for item in self.task.batch.items if item.id in self.culprits]
        return [*self.task.culprits, *(culprit_row(item, self.culprits[item.id], self.task.job) for item in culprits)]

    def without_culprits(self) -> BatchTask | None:
        """Return the batch without its culprits; None if no item remains."""
        items = tuple(item for item in self.task.batch.items if item.id not in self.culprits)
        if not items:
            return None
        return replace(
            self.task,
            batch=replace(self.task.batch, items=items),
            crashes_without_culprit=self.task.crashes_without_culprit + (0 if self.culprits else 1),
            culprits=tuple(self.rows()),
        )
