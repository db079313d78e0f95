"""Tasks of ``melcli verify``.  Nothing here needs NumPy.

A task can be split, to find an item that crashes a worker; see `melcli.run.isolation`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from melcli.run.batching import Batch
from melcli.run.job import Job
from melcli.run.verify.task_result import TaskResult
from melcli.sources.items import Item
from melcli.store.damage import DAMAGES_OF_NUMBERS, Damage
from melcli.store.rows import OkRow

__all__ = ["CheckTask", "RecomputeTask", "check_outputs", "recompute"]

# The timeout of a task, generous enough for a slow network disk at 1 MB/s.
BASE_TIMEOUT_S, ROW_TIMEOUT_S, MIN_BYTES_PER_S = 60.0, 0.05, 1e6
MAX_TIMEOUT_S = 30 * 86_400.0  # a manipulated manifest may claim sizes whose timeout overflows in system calls


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckTask:
    """Outputs to compare with their rows.

    Attributes
    ----------
    out : str
        OUT.
    rows : tuple of OkRow
        The rows.
    read : tuple of bool
        For each row, whether its numbers are read.
    shard : str or None
        The shard that contains all the outputs; None if each output is a file.
    time_axis : int or None
        The time axis of the config; None if the config is unknown.
    opens_only : bool
        Whether the task only opens the shard and reads nothing.
    was_opened : bool
        Whether a task that only opened the shard crashed no worker.
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
        """Seconds after which the worker counts as hung."""
        sizes = [_num_bytes(row) for row, read in zip(self.rows, self.read, strict=True) if read]
        timeout_s = BASE_TIMEOUT_S + ROW_TIMEOUT_S * len(self.rows) + sum(sizes) / MIN_BYTES_PER_S
        return min(timeout_s, MAX_TIMEOUT_S)

    def parts(self) -> list[CheckTask]:
        """Return tasks on fewer rows; for a shard, first a task that only opens it."""
        if self.opens_only:
            return []
        if self.shard is not None and not self.was_opened:
            return [replace(self, opens_only=True)]
        return self._halves() if len(self.rows) > 1 else []

    def remaining_tasks(self) -> list[CheckTask]:
        """Return the tasks that follow the success of this one."""
        if not self.opens_only:
            return []
        reading = replace(self, opens_only=False, was_opened=True)
        return reading._halves() if len(self.rows) > 1 else [reading]

    def crash_damages(self, effect: str) -> list[Damage]:
        """Return the damages of this task's outputs, which crash their worker."""
        return [_crash_damage(row, f"reading it {effect}") for row in self.rows]

    def _halves(self) -> list[CheckTask]:
        middle = len(self.rows) // 2
        parts = slice(None, middle), slice(middle, None)
        return [replace(self, rows=self.rows[part], read=self.read[part]) for part in parts]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecomputeTask:
    """Items to recompute.

    Attributes
    ----------
    out : str
        OUT.
    job : Job
        The job, with the config of the items.
    items : tuple of tuple
        Each item as its row describes it, with its rows.
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
        """Seconds after which the worker counts as hung."""
        return Batch(items=tuple(item for item, _ in self.items)).timeout_s

    def parts(self) -> list[RecomputeTask]:
        """Return tasks on half of the items each."""
        if len(self.items) == 1:
            return []
        middle = len(self.items) // 2
        return [replace(self, items=self.items[:middle]), replace(self, items=self.items[middle:])]

    def remaining_tasks(self) -> list[RecomputeTask]:
        """Return an empty list: no task follows the success of this one."""
        return []

    def crash_damages(self, effect: str) -> list[Damage]:
        """Return the damages of this task's outputs, whose recomputation crashes the worker."""
        return [_crash_damage(row, f"recomputing it {effect}") for _, rows in self.items for row in rows]


def check_outputs(task: CheckTask) -> TaskResult:
    """Check outputs against their rows, in a worker; see `melcli.store.output_checks`."""
    from melcli.store.output_checks import check_file, check_shard, open_shard

    if task.opens_only:
        open_shard(task.out, task.shard or "", task.rows)
        return TaskResult()
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
    return TaskResult(damages=tuple(damages), num_read=len(read))


def recompute(task: RecomputeTask) -> TaskResult:
    """Recompute items, in a worker; see `melcli.run.verify.recompute`."""
    from melcli.run.verify.recompute import recompute_items

    return recompute_items(task.items, job=task.job, out=task.out)


def _crash_damage(row: OkRow, message: str) -> Damage:
    return Damage(kind="killed_reader", path=row.path, message=message, id=row.id, item_id=row.item_id)


def _num_bytes(row: OkRow) -> int:
    return 8 * row.num_frames * row.num_features
