"""Tasks of ``melcli verify`` and their results.  Nothing here needs NumPy.

A task knows its parts, for the search for an item that crashes a worker; see `melcli.run.isolation`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from melcli.run.batching import Batch
from melcli.run.job import Job
from melcli.run.verify.checked import Checked
from melcli.sources.items import Item
from melcli.store.damage import DAMAGES_OF_NUMBERS, Damage
from melcli.store.rows import OkRow

__all__ = ["CheckTask", "RecomputeTask", "check_outputs", "recompute"]

# A worker is taken to hang after so long: generous, for a slow network disk at 1 MB/s.
TASK_S, ROW_S, BYTES_PER_S = 60.0, 0.05, 1e6
MAX_TASK_S = 30 * 86_400.0  # a manifest that was tampered with may name more than the system can wait for


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckTask:
    """Outputs to hold against their rows.

    Attributes
    ----------
    out : str
        OUT.
    rows : tuple of OkRow
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
        Opening the shard alone crashed no worker.
    """

    out: str
    rows: tuple[OkRow, ...]
    read: tuple[bool, ...]
    shard: str | None = None
    time_axis: int | None = None
    opens_only: bool = False
    was_opened: bool = False

    @property
    def call(self) -> tuple[Callable[[Any], Any], Any]:
        """The function and its argument."""
        return check_outputs, self

    @property
    def timeout_s(self) -> float:
        """Seconds after which a worker is taken to hang."""
        sizes = [_num_bytes(row) for row, read in zip(self.rows, self.read, strict=True) if read]
        return min(TASK_S + ROW_S * len(self.rows) + sum(sizes) / BYTES_PER_S, MAX_TASK_S)

    def parts(self) -> list[CheckTask]:
        """Return tasks on fewer rows; of a shard first one that only opens it."""
        if self.opens_only:
            return []
        if self.shard is not None and not self.was_opened:
            return [replace(self, opens_only=True)]
        return self._halves() if len(self.rows) > 1 else []

    def after_success(self) -> list[CheckTask]:
        """Return the remaining tasks."""
        if not self.opens_only:
            return []
        whole = replace(self, opens_only=False, was_opened=True)
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
    """

    out: str
    job: Job
    items: tuple[tuple[Item, tuple[OkRow, ...]], ...]

    @property
    def call(self) -> tuple[Callable[[Any], Any], Any]:
        """The function and its argument."""
        return recompute, self

    @property
    def timeout_s(self) -> float:
        """Seconds after which a worker is taken to hang."""
        return Batch(items=tuple(item for item, _ in self.items)).timeout_s

    def parts(self) -> list[RecomputeTask]:
        """Return tasks on half of the items each."""
        if len(self.items) == 1:
            return []
        middle = len(self.items) // 2
        return [replace(self, items=self.items[:middle]), replace(self, items=self.items[middle:])]

    def after_success(self) -> list[RecomputeTask]:
        """Return no further tasks."""
        return []

    def killed(self, how: str) -> list[Damage]:
        """Name the culprit."""
        return [_killed(row, f"extracting it again {how}") for _, rows in self.items for row in rows]


def check_outputs(task: CheckTask) -> Checked:
    """Check outputs against their rows, in a worker; see `melcli.store.checks`."""
    from melcli.store.checks import check_file, check_shard, open_shard

    if task.opens_only:
        open_shard(task.out, task.shard or "", task.rows)
        return Checked()
    if task.shard is not None:
        damages = list(check_shard(task.out, task.shard, task.rows, task.read))
    else:
        damages = [
            damage
            for row, read in zip(task.rows, task.read, strict=True)
            for damage in check_file(task.out, row, read=read, time_axis=task.time_axis)
        ]
    unread = {damage.id for damage in damages if damage.kind not in DAMAGES_OF_NUMBERS}
    read = [row.id for row, wanted in zip(task.rows, task.read, strict=True) if wanted and row.id not in unread]
    return Checked(damages=tuple(damages), num_read=len(read))


def recompute(task: RecomputeTask) -> Checked:
    """Recompute items, in a worker; see `melcli.run.verify.recompute`."""
    from melcli.run.verify.recompute import recompute_items

    return recompute_items(task.items, job=task.job, out=task.out)


def _killed(row: OkRow, message: str) -> Damage:
    return Damage(kind="killed_reader", path=row.path, message=message, id=row.id, item_id=row.item_id)


def _num_bytes(row: OkRow) -> int:
    return 8 * row.num_frames * row.num_features
