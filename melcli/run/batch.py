"""The way of one batch, in a worker: decode, channels, resample, mel, store, item by item."""

from __future__ import annotations

import json
import os
import traceback
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Protocol

import numpy as np

from melcli.audio.channels import count_outputs
from melcli.audio.decode import measure
from melcli.audio.load import Audio, load_audio
from melcli.config.resolve import Config
from melcli.errors import AudioError, Reason, StorageError
from melcli.mel.options import FeatureOptions
from melcli.mel.spectrogram import MelSpectrogram
from melcli.options import to_plain
from melcli.printable import printable
from melcli.run.batches import Batch
from melcli.sources.content import hash_content
from melcli.sources.items import Item
from melcli.store.hdf5 import Hdf5Sink
from melcli.store.layout import shard_name
from melcli.store.manifest import Row
from melcli.store.npy import NpySink
from melcli.store.placement import Placement
from melcli.store.values import as_stored, describe
from melcli.version import __version__

__all__ = ["Job", "Measured", "measure_batch", "run_batch", "try_batch"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What is the same for all batches of a run.

    Attributes
    ----------
    out : str
        OUT, absolute.
    config : Config
        How features are made and stored.
    config_id : str
        The config's, told once since it takes as long as half a second of audio.
    checksum : bool
        Whether the content of every source is hashed.
    """

    out: str
    config: Config
    config_id: str
    checksum: bool = False


class Sink(Protocol):
    """Takes the features of one batch and makes all of them appear, or none."""

    def put(self, item_id: str, features: np.ndarray) -> None:
        """Take the features of one item."""

    def commit(self) -> dict[str, Placement]:
        """Make all that was put appear; return where it is, by id."""

    def discard(self) -> None:
        """Leave nothing of what was not committed."""


def run_batch(task: tuple[Job, Batch]) -> list[Row]:
    """Extract a batch and store it.

    Returns
    -------
    rows : list of Row
        One for each output, and one for each item that failed.

    Raises
    ------
    StorageError
        Nothing of the batch is there; the run has to stop.
    """
    job, batch = task
    sink = _open_sink(job, batch)
    try:
        # What overflows is infinite in the end and refused as such; NumPy's warning would only reach the terminal.
        with np.errstate(over="ignore", invalid="ignore"):
            rows = [row for item in batch.items for row in _extract(item, job, sink)]
        placed = sink.commit()
    finally:
        sink.discard()
    return [_placed(row, placed) for row in rows]


def try_batch(task: tuple[Job, Batch]) -> None:
    """Extract a batch and store nothing, to see whether it kills its worker."""
    job, batch = task
    for item in batch.items:
        list(_extract(item, job, _Nowhere()))


@dataclass(frozen=True, slots=True)
class Measured:
    """About how long an item is and how many outputs it has, as its header says."""

    id: str
    duration_s: float
    num_outputs: int


def measure_batch(task: tuple[Job, Batch]) -> list[Measured]:
    """Read the headers of a batch; what cannot be read is 0 s long here and fails when it is extracted."""
    job, batch = task
    return [_measure(item, job) for item in batch.items]


def _extract(item: Item, job: Job, sink: Sink) -> Iterator[Row]:
    """Do one item; whatever goes wrong with it is a row, and the only broad except of the program stands here."""
    origin = _look_at(item, job)
    try:
        if job.checksum and origin["source_size"] >= 0:  # a pipe would never end
            with suppress(OSError):  # what cannot be read is told better by whoever decodes it
                origin["source_hash"] = hash_content(item.source)
        features = job.config.features
        audio = load_audio(
            item.source, job.config.audio, sampling_rate=features.sampling_rate, dtype=features.compute_dtype
        )
        outputs = [as_stored(_mel(features)(signal), job.config.output.dtype) for signal in audio.signals]
        rows = [_row(item, origin, audio, channel, stored, job) for channel, stored in enumerate(outputs)]
        for row, stored in zip(rows, outputs, strict=True):
            sink.put(row.id, stored)
    except StorageError:
        raise
    except AudioError as error:
        yield _failed(item, origin, error.reason, error.message)
    except OSError as error:
        # The stages told what is wrong with the input; what is left is the system's: too many open files.
        raise StorageError(f"cannot open {printable(item.source)}: {error.strerror}") from error
    except MemoryError:
        yield _failed(item, origin, "out_of_memory", "the worker ran out of memory")
    except Exception as error:  # noqa: BLE001  one item's bug must not cost the others
        place = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{os.path.basename(place.filename)}:{place.lineno}"
        yield _failed(item, origin, "internal", f"a bug of melcli, please report it: {error!r} at {where}")
    else:
        yield from rows


def _look_at(item: Item, job: Job) -> dict[str, Any]:
    """Return what a row says of its source; looked at now, so that a later change is seen by the next run."""
    try:
        seen = Item.seen(item.id, item.source, os.stat(item.source))
    except OSError:
        seen = Item.seen(item.id, item.source, None)
    return {
        "source": item.source,
        "source_size": seen.size,
        "source_mtime_ns": seen.mtime_ns,
        "config_id": job.config_id,
    }


def _row(item: Item, origin: dict[str, Any], audio: Audio, channel: int, stored: np.ndarray, job: Job) -> Row:
    features = job.config.features
    each = job.config.audio.channels == "each"
    num_samples = audio.signals.shape[1]
    return Row(
        id=f"{item.id}.ch{channel}" if each else item.id,
        status="ok",
        channel=channel if each else None,
        source_sampling_rate=audio.source_sampling_rate,
        source_channels=audio.source_channels,
        num_samples=num_samples,
        sampling_rate=features.sampling_rate,
        num_frames=stored.shape[features.time_axis],
        num_features=stored.shape[1 - features.time_axis],
        frame_shift=features.sequence_stride / features.sampling_rate,
        duration=num_samples / features.sampling_rate,
        flags=tuple(audio.flags),
        **describe(stored),
        **origin,
    )


def _failed(item: Item, origin: dict[str, Any], reason: Reason, message: str) -> Row:
    return Row(id=item.id, status="failed", reason=reason, message=printable(f"{item.source}: {message}"), **origin)


def _placed(row: Row, placed: dict[str, Placement]) -> Row:
    if row.status == "failed":
        return row
    where = placed[row.id]
    return replace(row, path=where.path, start=where.start, output_size=where.output_size)


@lru_cache(maxsize=1)
def _mel(features: FeatureOptions) -> MelSpectrogram:
    return MelSpectrogram(**to_plain(features))


def _open_sink(job: Job, batch: Batch) -> Sink:
    if batch.shard is None:
        return NpySink(job.out)
    attributes = {
        "config": json.dumps(job.config.plain()),
        "config_id": job.config_id,
        "melcli": __version__,
    }
    return Hdf5Sink(
        job.out, shard_name(batch.shard.number), time_axis=job.config.features.time_axis, attributes=attributes
    )


class _Nowhere:
    """A sink that keeps nothing."""

    def put(self, item_id: str, features: np.ndarray) -> None:
        pass

    def commit(self) -> dict[str, Placement]:
        return {}

    def discard(self) -> None:
        pass


def _measure(item: Item, job: Job) -> Measured:
    try:
        sampling_rate, num_samples, num_channels = measure(item.source)
        return Measured(item.id, num_samples / sampling_rate, count_outputs(num_channels, job.config.audio.channels))
    except (AudioError, OSError, MemoryError):
        return Measured(item.id, 0.0, 1)
