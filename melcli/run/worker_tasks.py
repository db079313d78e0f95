"""Tasks for workers by name, so that only the worker imports NumPy."""

from __future__ import annotations

from typing import Any

from melcli.run.batching import Batch
from melcli.run.job import Job, Measured, Outcome, Tried
from melcli.run.verify.tasks import Checked, CheckTask, RecomputeTask
from melcli.store.damage import OF_NUMBERS

__all__ = [
    "check_outputs",
    "library_versions",
    "list_arrays",
    "measure_batch",
    "read_array",
    "read_item",
    "recompute",
    "run_batch",
    "try_batch",
]


def run_batch(task: tuple[Job, Batch]) -> Outcome:
    """See `melcli.run.process_batch.run_batch`."""
    from melcli.run import process_batch

    return process_batch.run_batch(task)


def try_batch(task: tuple[Job, Batch]) -> Tried:
    """See `melcli.run.process_batch.try_batch`."""
    from melcli.run import process_batch

    return process_batch.try_batch(task)


def measure_batch(task: tuple[Job, Batch]) -> list[Measured]:
    """See `melcli.run.process_batch.measure_batch`."""
    from melcli.run import process_batch

    return process_batch.measure_batch(task)


def library_versions(nothing: None) -> dict[str, str]:
    """See `melcli.run.process_batch.library_versions`."""
    from melcli.run import process_batch

    return process_batch.library_versions(nothing)


def check_outputs(task: CheckTask) -> Checked:
    """See `melcli.store.checks`."""
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
    unread = {damage.id for damage in damages if damage.kind not in OF_NUMBERS}
    read = [row.id for row, wanted in zip(task.rows, task.read, strict=True) if wanted and row.id not in unread]
    return Checked(damages=tuple(damages), num_read=len(read))


def recompute(task: RecomputeTask) -> Checked:
    """See `melcli.run.verify.recompute`."""
    from melcli.run.verify.recompute import recompute_items

    return recompute_items(task)


def list_arrays(path: str) -> list[str]:
    """See `melcli.store.last_open.names_in`."""
    from melcli.store.last_open import names_in

    return names_in(path)


def read_array(task: tuple[str, str]) -> Any:
    """See `melcli.store.last_open.read_from`."""
    from melcli.store.last_open import read_from

    return read_from(*task)


def read_item(task: tuple[str, str]) -> Any:
    """See `melcli.store.last_open.read_from_out`."""
    from melcli.store.last_open import read_from_out

    return read_from_out(*task)
