"""Extract items in a worker: decode, select channels, resample, mel; their rows, also of failures."""

from __future__ import annotations

import os
import traceback
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from typing import Any, Protocol

import numpy as np

from melcli.audio.decoding_revision import DECODING_REVISION
from melcli.audio.ffmpeg.program import condition
from melcli.audio.load import AudioStream
from melcli.audio.part import DroppedPart
from melcli.errors import AudioError, DecoderKilled, StorageError
from melcli.mel.framing import count_discarded_samples, count_valid_frames
from melcli.mel.options import FeatureOptions
from melcli.printable import printable
from melcli.run.batching import item_timeout_s
from melcli.run.compute import compute_outputs
from melcli.run.job import Job
from melcli.run.open_source import OpenSource, Piece
from melcli.run.source_groups import by_source
from melcli.run.watchdog import watchdog
from melcli.sources.items import Item
from melcli.stopwatch import Stopwatch
from melcli.store.layout import own_folder
from melcli.store.lines import part_id
from melcli.store.placement import Placement
from melcli.store.rows import BOUNDS_FIELDS, FailedRow, OkRow, Row
from melcli.store.stored_array import StoredFeatures

__all__ = ["Sink", "extract_item", "extract_items"]

Origin = dict[str, Any]  # the fields of a row about its source
ORIGIN_FIELDS = (
    *("source", "source_size", "source_mtime_ns", "source_hash", "format", "decoding", "config_id"),
    *BOUNDS_FIELDS,
    "columns",
)


class Sink(Protocol):
    """Stores the features of one batch: all of them or none."""

    def put(self, item_id: str, features: StoredFeatures) -> None:
        """Add the features of one item."""

    def drop(self, item_id: str) -> None:
        """Remove the features of one item, if they were added."""

    def commit(self) -> dict[str, Placement]:
        """Store all added features under their final names, and return their placements by id."""

    def discard(self) -> None:
        """Remove everything that was not committed."""


def extract_items(items: Sequence[Item], job: Job, sink: Sink, stopwatch: Stopwatch) -> Iterator[Row]:
    """Extract items into a sink, and yield their rows; a failure is a row.

    The parts of a source are read in one pass.  If the end of that pass shows that the source is damaged before, all
    its parts fail.
    """
    for group in by_source(items):
        with OpenSource(job) as source:
            rows = [row for item in group for row in _extract(item, source, job, sink, stopwatch)]
            damage = _damage_in_rest(group, source, job)
        if damage is None:
            yield from rows
        else:
            yield from _all_failed(rows, damage, sink)


def extract_item(item: Item, job: Job, sink: Sink) -> list[Row]:
    """Extract one item into a sink of the caller; a failure is a row, as in a batch."""
    with np.errstate(over="ignore", invalid="ignore"):
        return list(extract_items([item], job, sink, Stopwatch()))


def _damage_in_rest(group: Sequence[Item], source: OpenSource, job: Job) -> AudioError | None:
    if not group[0].bounds and job.config.audio.chunk_s is None:
        return None
    with watchdog.item(job.limits.timeout_per_item_s or item_timeout_s(group[0])):
        try:
            source.check_rest()
        except AudioError as error:
            return error
        except (MemoryError, OSError):
            return AudioError("unreadable", "the rest of the recording cannot be read")
    return None


def _all_failed(rows: Sequence[Row], damage: AudioError, sink: Sink) -> Iterator[Row]:
    """Replace the finished rows of a damaged source; the rows of an item become one."""
    failed_ids = set()
    for row in rows:
        if isinstance(row, FailedRow):
            yield row
            continue
        sink.drop(row.id)
        if row.item_id in failed_ids:
            continue
        failed_ids.add(row.item_id)
        origin = {name: getattr(row, name) for name in ORIGIN_FIELDS}
        yield FailedRow(
            id=row.item_id,
            reason=damage.reason,
            message=printable(f"{row.item_id} of {row.source}: {damage.message}"),
            stderr=damage.stderr or None,
            **origin,
        )


def _extract(item: Item, source: OpenSource, job: Job, sink: Sink, stopwatch: Stopwatch) -> list[Row]:
    """Process one item within its deadline; its rows contain the standard error of native libraries."""
    with watchdog.item(job.limits.timeout_per_item_s or item_timeout_s(item)):
        rows = list(_rows(item, source, job, sink, stopwatch))
    stderr = watchdog.stderr()
    return [replace(row, stderr=row.stderr or stderr) for row in rows] if stderr else rows


def _rows(item: Item, source: OpenSource, job: Job, sink: Sink, stopwatch: Stopwatch) -> Iterator[Row]:
    """Process one item.  Every failure becomes a row, so melcli's only broad except is here."""
    origin = _origin(item, job)
    try:
        if job.checksum and origin["source_size"] >= 0:  # a pipe would never end
            with suppress(OSError):  # the decoder reports a source that cannot be read with a better message
                origin["source_hash"] = source.content_hash(item)
        stopwatch.lap("other")
        try:
            rows = _stored_rows(item, source, origin, job, sink, stopwatch)
        except DecoderKilled:  # perhaps by mistake; a second time, it is recorded
            rows = _stored_rows(item, source, origin, job, sink, stopwatch)
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


def _stored_rows(
    item: Item, source: OpenSource, origin: Origin, job: Job, sink: Sink, stopwatch: Stopwatch
) -> list[OkRow]:
    """Compute the features of an item and add them to the sink; if that fails, none of them remain there."""
    rows: list[OkRow] = []
    with ExitStack() as failing:
        failing.callback(_drop_all, rows, sink)
        for piece in source.pieces(item, stopwatch):
            try:
                audio, outputs = _compute(piece, origin, job, stopwatch)
            except DroppedPart:
                continue
            new = [_row(item, origin, audio, channel, stored, piece, job) for channel, stored in enumerate(outputs)]
            stopwatch.lap("other")
            rows += new
            for row, stored in zip(new, outputs, strict=True):
                sink.put(row.id, stored)
            stopwatch.lap("write")
        failing.pop_all()
    return rows if rows[0].chunk is None else _counted(rows)


def _drop_all(rows: Sequence[OkRow], sink: Sink) -> None:
    for row in rows:
        sink.drop(row.id)


def _counted(rows: Sequence[OkRow]) -> list[OkRow]:
    """Add the number of chunks to the rows of all chunks."""
    num_chunks = len({row.chunk for row in rows})
    return [replace(row, num_chunks=num_chunks) for row in rows]


def _compute(piece: Piece, origin: Origin, job: Job, stopwatch: Stopwatch) -> tuple[AudioStream, list[StoredFeatures]]:
    """Compute the features of a piece.

    Sets the format in ``origin`` as soon as it is known, so that the row of a failure has it too.
    """

    def open_audio() -> AudioStream:
        audio = piece.open()
        origin["format"] = audio.format
        return audio

    scratch = job.scratch or own_folder(job.out)
    return compute_outputs(open_audio, job.config, scratch=scratch, stopwatch=stopwatch, on_audio=watchdog.advance)


def _origin(item: Item, job: Job) -> Origin:
    """Return a row's fields about its source, with the current size and time, so that the next run detects a change."""
    current = item.refreshed()
    return {
        "source": item.source,
        "source_size": current.size,
        "source_mtime_ns": current.mtime_ns,
        "decoding": DECODING_REVISION,
        "config_id": job.config_id,
        **item.part_fields(),
    }


def _row(
    item: Item, origin: Origin, audio: AudioStream, channel: int, stored: StoredFeatures, piece: Piece, job: Job
) -> OkRow:
    features = job.config.features
    each = piece.options.channels == "each"
    return OkRow(
        id=part_id(item.id, channel if each else None, piece.chunk),
        channel=channel if each else None,
        chunk=piece.chunk,
        chunk_start_s=piece.chunk_start_s,
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
        **audio.levels.describe(),
        **origin,
    )


def _flags(audio: AudioStream, features: FeatureOptions) -> tuple[str, ...]:
    """Return the flags of an input, sorted."""
    cut = ("cut",) if count_discarded_samples(audio.num_samples, features) else ()
    return tuple(sorted((*audio.flags, *cut)))


def _failed(item: Item, origin: Origin, error: AudioError, job: Job) -> FailedRow:
    return FailedRow(
        id=item.id,
        reason=error.reason,
        message=printable(f"{item.shown}: {error.message}"),
        stderr=error.stderr or None,
        tried_with=condition(job.config.audio.decoder) if error.reason == "unsupported_format" else None,
        **origin,
    )
