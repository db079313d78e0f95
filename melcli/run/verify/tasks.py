"""Tasks of ``melcli verify`` and their results.  Nothing here needs NumPy.

A task knows how it is cut where a worker dies of it; see `melcli.run.verify.inquiry`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from melcli.run.batching import Batch
from melcli.run.job import Job
from melcli.sources.items import Item
from melcli.store.damage import Damage
from melcli.store.manifest import Row

__all__ = ["CheckTask", "Checked", "RecomputeTask"]

# A worker is taken to hang after so long: generous, for a slow network disk at 1 MB/s.
TASK_S, ROW_S, BYTES_PER_S = 60.0, 0.05, 1e6
MAX_TASK_S = 30 * 86_400.0  # a manifest that was tampered with may name more than the system can wait for


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What came of a task.

    Attributes
    ----------
    damages : tuple of Damage
        What is wrong.
    num_read : int
        Outputs whose numbers were read.
    num_same, num_close : int
        Items that were extracted again: to the bit, and within the tolerance.
    num_changed : int
        Items whose source changed or vanished since, so that nothing can be said of them.
    """

    damages: tuple[Damage, ...] = ()
    num_read: int = 0
    num_same: int = 0
    num_close: int = 0
    num_changed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckTask:
    """Outputs to hold against their rows.

    Attributes
    ----------
    out : str
        OUT.
    rows : tuple of Row
        All ``ok``.
    read : tuple of bool
        Of which the numbers are read.
    shard : str or None
        The shard that all rows are of; None: each has a file of its own.
    time_axis : int or None
        As the config has it; None where that is not known.
    opens_only : bool
        The shard is opened and nothing is read of it.
    was_opened : bool
        So it was, and that killed nobody.
    tries : int
        Times that it was lost, by itself.
    """

    out: str
    rows: tuple[Row, ...]
    read: tuple[bool, ...]
    shard: str | None = None
    time_axis: int | None = None
    opens_only: bool = False
    was_opened: bool = False
    tries: int = 0

    @property
    def timeout_s(self) -> float:
        """Seconds after which a worker is taken to hang."""
        sizes = [_num_bytes(row) for row, read in zip(self.rows, self.read, strict=True) if read]
        return min(TASK_S + ROW_S * len(self.rows) + sum(sizes) / BYTES_PER_S, MAX_TASK_S)

    def after_loss(self) -> list[CheckTask]:
        """Return what finds out which item it was; nothing where that is known."""
        if self.shard is not None and not (self.opens_only or self.was_opened):
            return [replace(self, opens_only=True)]
        if self.opens_only or len(self.rows) == 1:
            return [replace(self, tries=self.tries + 1)] if self.tries == 0 else []
        return self._halves()

    def after_success(self) -> list[CheckTask]:
        """Return the remaining tasks."""
        if not self.opens_only:
            return []
        whole = replace(self, opens_only=False, was_opened=True, tries=0)
        return whole._halves() if len(self.rows) > 1 else [whole]

    def killed(self, how: str) -> list[Damage]:
        """Name the culprits."""
        return [_killed(row, f"reading it {how}") for row in self.rows]

    def _halves(self) -> list[CheckTask]:
        middle = len(self.rows) // 2
        parts = slice(None, middle), slice(middle, None)
        return [replace(self, rows=self.rows[part], read=self.read[part]) for part in parts]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecomputeTask:
    """Items to extract again.

    Attributes
    ----------
    out : str
        OUT.
    job : Job
        Of the same config.
    items : tuple of tuple
        Each item as OUT knows it, and its rows.
    tries : int
        Times that it was lost, by itself.
    """

    out: str
    job: Job
    items: tuple[tuple[Item, tuple[Row, ...]], ...]
    tries: int = 0

    @property
    def timeout_s(self) -> float:
        """Seconds after which a worker is taken to hang."""
        return Batch(items=tuple(item for item, _ in self.items)).timeout_s

    def after_loss(self) -> list[RecomputeTask]:
        """Return what finds out which item it was; nothing where that is known."""
        if len(self.items) > 1:
            middle = len(self.items) // 2
            return [replace(self, items=self.items[:middle]), replace(self, items=self.items[middle:])]
        return [replace(self, tries=1)] if self.tries == 0 else []

    def after_success(self) -> list[RecomputeTask]:
        """Return no further tasks."""
        return []

    def killed(self, how: str) -> list[Damage]:
        """Name the culprit."""
        return [_killed(row, f"extracting it again {how}") for _, rows in self.items for row in rows]


def _killed(row: Row, message: str) -> Damage:
    return Damage(kind="killed_reader", path=row.path or "", message=message, id=row.id, item_id=row.item_id)


def _num_bytes(row: Row) -> int:
    return 8 * (row.num_frames or 0) * (row.num_features or 0)
