"""Functions that workers call, with late imports, so that only the worker imports NumPy."""

from __future__ import annotations

from typing import Any

from melcli.run.batching import Batch
from melcli.run.job import BatchResult, Job, MeasuredItem, TimedSample, TrialDone

__all__ = [
    "library_versions",
    "list_arrays",
    "measure_batch",
    "read_array",
    "read_item",
    "run_batch",
    "time_sample",
    "try_batch",
]


def run_batch(task: tuple[Job, Batch]) -> BatchResult:
    """See `melcli.run.process_batch.run_batch`."""
    from melcli.run import process_batch

    return process_batch.run_batch(task)


def try_batch(task: tuple[Job, Batch]) -> TrialDone:
    """See `melcli.run.process_batch.try_batch`."""
    from melcli.run import process_batch

    return process_batch.try_batch(task)


def measure_batch(task: tuple[Job, Batch]) -> list[MeasuredItem]:
    """See `melcli.run.process_batch.measure_batch`."""
    from melcli.run import process_batch

    return process_batch.measure_batch(task)


def time_sample(task: tuple[Job, Batch]) -> TimedSample:
    """See `melcli.run.sample_time.time_sample`."""
    from melcli.run import sample_time

    return sample_time.time_sample(task)


def library_versions(nothing: None) -> dict[str, str]:
    """See `melcli.run.process_batch.library_versions`."""
    from melcli.run import process_batch

    return process_batch.library_versions(nothing)


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
