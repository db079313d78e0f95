"""Process one batch in a worker: decode, select channels, resample, mel, store."""

from __future__ import annotations

import json
import os
import time
import traceback
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any, Protocol

import numpy as np

from melcli.audio.channels import count_outputs
from melcli.audio.decode import measure
from melcli.audio.decoder import libsndfile_version
from melcli.audio.load import AudioStream
from melcli.audio.resample import soxr_version
from melcli.audio.revisions import DECODING_REVISION
from melcli.errors import AudioError, Reason, StorageError
from melcli.mel.fft import scipy_version
from melcli.mel.framing import count_discarded_samples, count_valid_frames
from melcli.mel.kernels import kernels
from melcli.mel.options import FeatureOptions
from melcli.printable import printable
from melcli.run.batching import Batch, header_timeout_s, item_timeout_s
from melcli.run.compute import compute_outputs
from melcli.run.job import Job, Measured, Outcome, Tried
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
    """Takes the features of one batch and makes all of them appear, or none."""

    def put(self, item_id: str, features: StoredFeatures) -> None:
        """Take the features of one item."""

    def commit(self) -> dict[str, Placement]:
        """Make all that was put appear; return where it is, by id."""

    def discard(self) -> None:
        """Leave nothing of what was not committed."""


def run_batch(task: tuple[Job, Batch]) -> Outcome:
    """Extract a batch and store it.

    Raises
    ------
    StorageError
        Nothing of the batch is there; the run has to stop.
    """
    job, batch = task
    stopwatch, began_s = Stopwatch(), time.process_time()
    sink = _open_sink(job, batch)
    try:
        # What overflows is infinite in the end and refused as such; NumPy's warning would only reach the terminal.
        with np.errstate(over="ignore", invalid="ignore"):
            rows = [row for item in batch.items for row in _extract(item, job, sink, stopwatch)]
        watchdog.step(batch.storing_within_s(job.limits.timeout_per_item_s))
        placed = sink.commit()
    finally:
        sink.discard()
    stopwatch.lap("write")
    rows = [_placed(row, placed) for row in rows]
    told = [row if row.status == "failed" else row.to_line() for row in rows]
    tally = count_rows(rows, job.config.features)
    stopwatch.lap("other")
    return Outcome(rows=told, tally=tally, seconds=dict(stopwatch.seconds), cpu_s=time.process_time() - began_s)


def try_batch(task: tuple[Job, Batch]) -> Tried:
    """Extract a batch and store nothing, to see whether it kills its worker."""
    job, batch = task
    for item in batch.items:
        _extract(item, job, _Nowhere(), Stopwatch())
    return Tried()


def extract_item(item: Item, job: Job, sink: Sink) -> list[Row]:
    """Extract one item into somebody else's sink; what goes wrong with it is a row, as in a batch."""
    with np.errstate(over="ignore", invalid="ignore"):
        return _extract(item, job, sink, Stopwatch())


def measure_batch(task: tuple[Job, Batch]) -> list[Measured]:
    """Read the headers of a batch; what cannot be read is 0 s long here and fails when it is extracted."""
    job, batch = task
    return [_measure(item, job) for item in batch.items]


def library_versions(_: None) -> dict[str, str]:
    """Return the versions and kernels of what makes the numbers, as a worker has them.

    Packages' metadata would take 70 ms.
    """
    return {
        "numpy": np.__version__,
        "scipy": scipy_version(),
        "soxr": soxr_version(),
        "libsndfile": libsndfile_version(),
        **kernels(),
    }


def _extract(item: Item, job: Job, sink: Sink, stopwatch: Stopwatch) -> list[Row]:
    """Process one item within its deadline; its rows hold what native libraries printed meanwhile."""
    with watchdog.item(job.limits.timeout_per_item_s or item_timeout_s(item)):
        rows = list(_rows(item, job, sink, stopwatch))
    stderr = watchdog.stderr()
    return [replace(row, stderr=stderr) for row in rows] if stderr else rows


def _rows(item: Item, job: Job, sink: Sink, stopwatch: Stopwatch) -> Iterator[Row]:
    """Do one item; whatever goes wrong with it is a row, and the only broad except of the program stands here."""
    origin = _look_at(item, job)
    try:
        if job.checksum and origin["source_size"] >= 0:  # a pipe would never end
            with suppress(OSError):  # what cannot be read is told better by whoever decodes it
                origin["source_hash"] = hash_content(item.source)
        stopwatch.lap("other")
        audio, outputs = _compute(item, origin, job, stopwatch)
        rows = [_row(item, origin, audio, channel, stored, job) for channel, stored in enumerate(outputs)]
        stopwatch.lap("other")
        for row, stored in zip(rows, outputs, strict=True):
            sink.put(row.id, stored)
        stopwatch.lap("write")
    except StorageError:
        raise
    except AudioError as error:
        yield _failed(item, origin, error.reason, error.message)
    except OSError as error:
        # The stages told what is wrong with the input; what is left is the system's: too many open files.
        raise StorageError(f"cannot open {printable(item.source)}: {error.strerror}") from error
    except MemoryError:
        most_bytes = job.limits.max_memory_bytes
        allowed = f"; {most_bytes // 1_000_000:,} MB are allowed (--max-memory-per-worker)" if most_bytes else ""
        yield _failed(item, origin, "out_of_memory", f"the worker ran out of memory{allowed}")
    except Exception as error:  # noqa: BLE001  one item's bug must not cost the others
        place = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{os.path.basename(place.filename)}:{place.lineno}"
        yield _failed(item, origin, "internal", f"a bug of melcli, please report it: {error!r} at {where}")
    else:
        yield from rows


def _compute(
    item: Item, origin: dict[str, Any], job: Job, stopwatch: Stopwatch
) -> tuple[AudioStream, list[StoredFeatures]]:
    """Compute the features of an item.

    ``origin`` gets the input's format once that is known, so that also the row of a failure names it.
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


def _look_at(item: Item, job: Job) -> dict[str, Any]:
    """Return what a row says of its source; looked at now, so that a later change is seen by the next run."""
    seen = Item.look(item.id, item.source)
    return {
        "source": item.source,
        "source_size": seen.size,
        "source_mtime_ns": seen.mtime_ns,
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
        path="",  # known once it is stored, like the size
        output_size=0,
        **stored.describe(),
        **origin,
    )


def _flags(audio: AudioStream, features: FeatureOptions) -> tuple[str, ...]:
    """Return what is odd about an input, sorted."""
    cut = ("cut",) if count_discarded_samples(audio.num_samples, features) else ()
    return tuple(sorted((*audio.flags, *cut)))


def _failed(item: Item, origin: dict[str, Any], reason: Reason, message: str) -> FailedRow:
    return FailedRow(id=item.id, reason=reason, message=printable(f"{item.source}: {message}"), **origin)


def _placed(row: Row, placed: dict[str, Placement]) -> Row:
    if isinstance(row, FailedRow):
        return row
    where = placed[row.id]
    return replace(row, path=where.path, start=where.start, output_size=where.output_size)


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


class _Nowhere:
    """A sink that keeps nothing."""

    def put(self, item_id: str, features: StoredFeatures) -> None:
        pass

    def commit(self) -> dict[str, Placement]:
        return {}

    def discard(self) -> None:
        pass


def _measure(item: Item, job: Job) -> Measured:
    try:
        with watchdog.item(header_timeout_s(job.limits.timeout_per_item_s)):
            sampling_rate, num_samples, num_channels = measure(item.source, opus_rate=job.config.audio.opus_rate)
        return Measured(item.id, num_samples / sampling_rate, count_outputs(num_channels, job.config.audio.channels))
    except (AudioError, OSError, MemoryError):
        return Measured(item.id, 0.0, 1)
