"""Process one batch in a worker: decode, select channels, resample, mel, store."""

from __future__ import annotations

import json
import resource
import time
from dataclasses import replace

import numpy as np

from melcli.audio.channels import count_outputs
from melcli.audio.decode import measure
from melcli.audio.decoder import libsndfile_version
from melcli.audio.ffmpeg.program import is_by_ffmpeg, program
from melcli.audio.resample import soxr_version
from melcli.errors import AudioError
from melcli.mel.fft import scipy_version
from melcli.mel.kernels import kernels
from melcli.run.batching import Batch, header_timeout_s
from melcli.run.extract_item import Sink, extract_items
from melcli.run.job import BatchResult, Job, MeasuredItem, TrialDone
from melcli.run.tally import count_rows
from melcli.run.watchdog import watchdog
from melcli.sources.bounds import Bounds
from melcli.sources.items import Item
from melcli.stopwatch import Stopwatch
from melcli.store.hdf5 import Hdf5Sink
from melcli.store.layout import shard_name
from melcli.store.npy import NpySink
from melcli.store.placement import Placement
from melcli.store.rows import FailedRow, Row
from melcli.store.stored_array import StoredFeatures
from melcli.version import __version__

COMMAND_S = 10.0  # an estimate; commands run once, when their audio is decoded

__all__ = ["library_versions", "measure_batch", "run_batch", "try_batch"]


def run_batch(task: tuple[Job, Batch]) -> BatchResult:
    """Extract a batch and store it.

    Raises
    ------
    StorageError
        OUT cannot be written, and nothing of the batch is stored; the run must stop.
    """
    job, batch = task
    stopwatch, started_s = Stopwatch(), _cpu_s()
    sink = _open_sink(job, batch)
    try:
        # Overflows become infinite values, which fail as nonfinite; NumPy's warnings would only appear on the terminal.
        with np.errstate(over="ignore", invalid="ignore"):
            rows = list(extract_items(batch.items, job, sink, stopwatch))
        watchdog.step(batch.storing_timeout_s(job.limits.timeout_per_item_s))
        placements = sink.commit()
    finally:
        sink.discard()
    stopwatch.lap("write")
    rows = [_with_placement(row, placements) for row in rows]
    lines = [row if row.status == "failed" else row.to_line() for row in rows]
    tally = count_rows(rows, job.config.features)
    if any(is_by_ffmpeg(row.format) for row in rows) and (found := program()):
        tally.ffmpeg_versions.add(found.version)
    stopwatch.lap("other")
    return BatchResult(rows=lines, tally=tally, seconds=dict(stopwatch.seconds), cpu_s=_cpu_s() - started_s)


def try_batch(task: tuple[Job, Batch]) -> TrialDone:
    """Extract a batch without storing it, to test whether it crashes the worker."""
    job, batch = task
    for _ in extract_items(batch.items, job, _NullSink(), Stopwatch()):
        pass
    return TrialDone()


def measure_batch(task: tuple[Job, Batch]) -> list[MeasuredItem]:
    """Read the headers of a batch; an input that cannot be read gets 0 s, and fails during extraction."""
    job, batch = task
    return [_measure(item, job) for item in batch.items]


def library_versions(_: None) -> dict[str, str]:
    """Return the versions and kernels of the libraries that compute, from their modules: metadata takes 70 ms."""
    return {
        "numpy": np.__version__,
        "scipy": scipy_version(),
        "soxr": soxr_version(),
        "libsndfile": libsndfile_version(),
        **kernels(),
    }


def _with_placement(row: Row, placements: dict[str, Placement]) -> Row:
    if isinstance(row, FailedRow):
        return row
    placement = placements[row.id]
    return replace(row, path=placement.path, start=placement.start, output_size=placement.output_size)


def _open_sink(job: Job, batch: Batch) -> Sink:
    if batch.shard is None:
        return NpySink(job.out, flush=job.durability != "none")
    attributes = {
        "config": json.dumps(job.config.plain()),
        "config_id": job.config_id,
        "melcli": __version__,
    }
    return Hdf5Sink(
        job.out,
        shard_name(batch.shard.number),
        time_axis=job.config.features.time_axis,
        attributes=attributes,
        max_bytes=job.config.output.shard_mb * 1_000_000,
        flush=job.durability != "none",
    )


class _NullSink:
    """A sink that stores nothing."""

    def put(self, item_id: str, features: StoredFeatures) -> None:
        pass

    def drop(self, item_id: str) -> None:
        pass

    def commit(self) -> dict[str, Placement]:
        return {}

    def discard(self) -> None:
        pass


def _cpu_s() -> float:
    """Return the CPU time of this process and of the decoders that it started, in seconds."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime  # `os.times` counts in steps of 10 ms


def _measure(item: Item, job: Job) -> MeasuredItem:
    """Return the duration and the number of outputs of an item; a part with an end needs no header."""
    audio = job.config.audio
    bounds = Bounds.of_json(item.bounds)
    is_single = audio.channels != "each" or bounds.source_channel is not None
    if item.is_command or (bounds.duration_s is not None and is_single):
        return MeasuredItem(item.id, COMMAND_S if bounds.duration_s is None else bounds.duration_s, 1)
    try:
        with watchdog.item(header_timeout_s(job.limits.timeout_per_item_s)):
            sampling_rate, num_samples, num_channels = measure(
                item.source, opus_rate=audio.opus_rate, decoder=audio.decoder, stream=audio.stream, is_rough=True
            )
        duration_s = max(0.0, num_samples / sampling_rate - (bounds.start_s or 0.0))
        return MeasuredItem(
            item.id,
            duration_s if bounds.duration_s is None else bounds.duration_s,
            1 if is_single else count_outputs(num_channels, audio.channels),
        )
    except (AudioError, OSError, MemoryError):
        return MeasuredItem(item.id, 0.0, 1)
