"""Process one batch in a worker: decode, select channels, resample, mel, store."""

from __future__ import annotations

import json
import os
import traceback
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any, Protocol

import numpy as np

from melcli.audio.channels import count_outputs
from melcli.audio.decode import measure
from melcli.audio.decoder import libsndfile_version
from melcli.audio.decoding_revision import DECODING_REVISION
from melcli.audio.ffmpeg.program import condition, program
from melcli.audio.load import AudioStream
from melcli.audio.resample import soxr_version
from melcli.errors import AudioError, DecoderKilled, StorageError
from melcli.mel.fft import scipy_version
from melcli.mel.framing import count_discarded_samples, count_valid_frames
from melcli.mel.kernels import kernels
from melcli.mel.options import FeatureOptions
from melcli.printable import printable
from melcli.run.batching import Batch, header_timeout_s, item_timeout_s
from melcli.run.compute import compute_outputs
from melcli.run.job import BatchResult, Job, MeasuredItem, TrialDone
from melcli.run.tally import count_rows
from melcli.run.watchdog import watchdog
from melcli.sources.content import hash_content
from melcli.sources.items import Item
from melcli.stopwatch import Stopwatch
from melcli.store.hdf5 import Hdf5Sink
from melcli.store.layout import own_folder, shard_name
from melcli.store.npy import NpySink
from melcli.store.placement import Placement
from melcli.store.rows import FailedRow, OkRow, Row
from melcli.store.stored_array import StoredFeatures
from melcli.version import __version__

__all__ = ["extract_item", "library_versions", "measure_batch", "run_batch", "try_batch"]


class Sink(Protocol):
    """Stores the features of one batch: all of them or none."""

    def put(self, item_id: str, features: StoredFeatures) -> None:
        """Add the features of one item."""

    def commit(self) -> dict[str, Placement]:
        """Store all added features under their final names, and return their placements by id."""

    def discard(self) -> None:
        """Remove everything that was not committed."""


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
            rows = [row for item in batch.items for row in _extract(item, job, sink, stopwatch)]
        watchdog.step(batch.storing_timeout_s(job.limits.timeout_per_item_s))
        placements = sink.commit()
    finally:
        sink.discard()
    stopwatch.lap("write")
    rows = [_with_placement(row, placements) for row in rows]
    lines = [row if row.status == "failed" else row.to_line() for row in rows]
    tally = count_rows(rows, job.config.features)
    if any(row.format is not None and row.format.startswith("ffmpeg/") for row in rows) and (found := program()):
        tally.ffmpeg_versions.add(found.version)
    stopwatch.lap("other")
    return BatchResult(rows=lines, tally=tally, seconds=dict(stopwatch.seconds), cpu_s=_cpu_s() - started_s)


def try_batch(task: tuple[Job, Batch]) -> TrialDone:
    """Extract a batch without storing it, to test whether it crashes the worker."""
    job, batch = task
    for item in batch.items:
        _extract(item, job, _NullSink(), Stopwatch())
    return TrialDone()


def extract_item(item: Item, job: Job, sink: Sink) -> list[Row]:
    """Extract one item into a sink of the caller; a failure is a row, as in a batch."""
    with np.errstate(over="ignore", invalid="ignore"):
        return _extract(item, job, sink, Stopwatch())


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


def _extract(item: Item, job: Job, sink: Sink, stopwatch: Stopwatch) -> list[Row]:
    """Process one item within its deadline; its rows contain the standard error of native libraries."""
    with watchdog.item(job.limits.timeout_per_item_s or item_timeout_s(item)):
        rows = list(_rows(item, job, sink, stopwatch))
    stderr = watchdog.stderr()
    return [replace(row, stderr=row.stderr or stderr) for row in rows] if stderr else rows


def _rows(item: Item, job: Job, sink: Sink, stopwatch: Stopwatch) -> Iterator[Row]:
    """Process one item.  Every failure becomes a row, so melcli's only broad except is here."""
    origin = _origin(item, job)
    try:
        if job.checksum and origin["source_size"] >= 0:  # a pipe would never end
            with suppress(OSError):  # the decoder reports a source that cannot be read with a better message
                origin["source_hash"] = hash_content(item.source)
        stopwatch.lap("other")
        try:
            audio, outputs = _compute(item, origin, job, stopwatch)
        except DecoderKilled:
            audio, outputs = _compute(item, origin, job, stopwatch)
        rows = [_row(item, origin, audio, channel, stored, job) for channel, stored in enumerate(outputs)]
        stopwatch.lap("other")
        for row, stored in zip(rows, outputs, strict=True):
            sink.put(row.id, stored)
        stopwatch.lap("write")
    except StorageError:
        raise
    except AudioError as error:
        yield _failed(item, origin, error, job)
    except OSError as error:
        # The stages report faults of the input as AudioError; this is a fault of the system: too many open files.
        raise StorageError(f"cannot open {printable(item.source)}: {error.strerror}") from error
    except MemoryError:
        max_bytes = job.limits.max_memory_bytes
        allowed = f"; {max_bytes // 1_000_000:,} MB are allowed (--max-memory-per-worker)" if max_bytes else ""
        yield _failed(item, origin, AudioError("out_of_memory", f"the worker ran out of memory{allowed}"), job)
    except Exception as error:  # noqa: BLE001  a bug must affect only one item
        frame = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{os.path.basename(frame.filename)}:{frame.lineno}"
        bug = f"a bug of melcli, please report it: {error!r} at {where}"
        yield _failed(item, origin, AudioError("internal", bug), job)
    else:
        yield from rows


def _compute(
    item: Item, origin: dict[str, Any], job: Job, stopwatch: Stopwatch
) -> tuple[AudioStream, list[StoredFeatures]]:
    """Compute the features of an item.

    Sets the format in ``origin`` as soon as it is known, so that the row of a failure has it too.
    """
    features = job.config.features

    def open_audio() -> AudioStream:
        audio = AudioStream(
            item.source,
            job.config.audio,
            sampling_rate=features.sampling_rate,
            dtype=features.compute_dtype,
            max_duration_s=job.limits.max_duration_s,
            stopwatch=stopwatch,
        )
        origin["format"] = audio.format
        return audio

    scratch = job.scratch or own_folder(job.out)
    return compute_outputs(open_audio, job.config, scratch=scratch, stopwatch=stopwatch, on_audio=watchdog.advance)


def _origin(item: Item, job: Job) -> dict[str, Any]:
    """Return a row's fields about its source, with the current size and time, so that the next run detects a change."""
    current = Item.look(item.id, item.source)
    return {
        "source": item.source,
        "source_size": current.size,
        "source_mtime_ns": current.mtime_ns,
        "decoding": DECODING_REVISION,
        "config_id": job.config_id,
    }


def _row(
    item: Item, origin: dict[str, Any], audio: AudioStream, channel: int, stored: StoredFeatures, job: Job
) -> OkRow:
    features = job.config.features
    each = job.config.audio.channels == "each"
    return OkRow(
        id=f"{item.id}.ch{channel}" if each else item.id,
        channel=channel if each else None,
        source_sampling_rate=audio.source_sampling_rate,
        source_channels=audio.source_channels,
        num_samples=audio.num_samples,
        sampling_rate=features.sampling_rate,
        num_frames=stored.num_frames,
        valid_frames=count_valid_frames(audio.num_samples, features),
        num_features=stored.shape[1 - features.time_axis],
        frame_shift=features.sequence_stride / features.sampling_rate,
        duration=audio.num_samples / features.sampling_rate,
        flags=_flags(audio, features),
        path="",  # known after storing, like the size
        output_size=0,
        **stored.describe(),
        **origin,
    )


def _flags(audio: AudioStream, features: FeatureOptions) -> tuple[str, ...]:
    """Return the flags of an input, sorted."""
    cut = ("cut",) if count_discarded_samples(audio.num_samples, features) else ()
    return tuple(sorted((*audio.flags, *cut)))


def _failed(item: Item, origin: dict[str, Any], error: AudioError, job: Job) -> FailedRow:
    return FailedRow(
        id=item.id,
        reason=error.reason,
        message=printable(f"{item.source}: {error.message}"),
        stderr=error.stderr or None,
        tried_with=condition(job.config.audio.decoder) if error.reason == "unsupported_format" else None,
        **origin,
    )


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

    def commit(self) -> dict[str, Placement]:
        return {}

    def discard(self) -> None:
        pass


def _cpu_s() -> float:
    """Return the CPU time of this process and of the decoders that it started, in seconds."""
    return sum(os.times()[:4])


def _measure(item: Item, job: Job) -> MeasuredItem:
    try:
        with watchdog.item(header_timeout_s(job.limits.timeout_per_item_s)):
            audio = job.config.audio
            sampling_rate, num_samples, num_channels = measure(
                item.source, opus_rate=audio.opus_rate, decoder=audio.decoder, stream=audio.stream
            )
        return MeasuredItem(
            item.id, num_samples / sampling_rate, count_outputs(num_channels, job.config.audio.channels)
        )
    except (AudioError, OSError, MemoryError):
        return MeasuredItem(item.id, 0.0, 1)
