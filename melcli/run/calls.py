"""What the parent asks of a worker, by name: only the worker imports what does it, and NumPy with it."""

from __future__ import annotations

from melcli.run.batches import Batch
from melcli.run.job import Job, Measured, Outcome

__all__ = ["library_versions", "measure_batch", "run_batch", "try_batch"]


def run_batch(task: tuple[Job, Batch]) -> Outcome:
    """See `melcli.run.batch.run_batch`."""
    from melcli.run import batch

    return batch.run_batch(task)


def try_batch(task: tuple[Job, Batch]) -> None:
    """See `melcli.run.batch.try_batch`."""
    from melcli.run import batch

    batch.try_batch(task)


def measure_batch(task: tuple[Job, Batch]) -> list[Measured]:
    """See `melcli.run.batch.measure_batch`."""
    from melcli.run import batch

    return batch.measure_batch(task)


def library_versions(nothing: None) -> dict[str, str]:
    """See `melcli.run.batch.library_versions`."""
    from melcli.run import batch

    return batch.library_versions(nothing)
