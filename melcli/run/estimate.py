"""Estimate the disk space of a run from the headers of a few inputs."""

from __future__ import annotations

import math
import time
from array import array
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from statistics import fmean
from typing import Any

from melcli.config.config import Config
from melcli.mel.framing import count_output_frames
from melcli.run.batching import Batch
from melcli.run.engines.contract import BatchLost, Engine
from melcli.run.engines.cpus import usable_cpus
from melcli.run.headers import measure
from melcli.run.interrupts import Interrupts
from melcli.run.job import Job, MeasuredItem
from melcli.run.limits import Limits
from melcli.run.to_do import EXPANSION, ToDo
from melcli.run.worker_tasks import time_sample
from melcli.store.space import Space, format_size, space_at
from melcli.store.storage_errors import storage_errors

__all__ = ["Estimate", "expected_space", "expected_space_alone"]

MAX_SAMPLES = 64
MIN_SAMPLES_PER_EXTENSION = 8
MAX_INTERPOLATED = 16  # items between two sampled ones; their mean stands for all items between
NPY_HEADER_BYTES = 128
MAX_TIMED_ITEMS = 12
SAMPLE_TIMEOUT_S = 60.0
MAX_DRY_RUN_WORKERS = 4  # starting more takes longer than their work


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """The disk space that the features of a run need, and the free disk space.

    The manifest is not included: a row has about 700 bytes, and is twice on the disk during a run.  The size of outputs
    that the run replaces is not subtracted.

    Attributes
    ----------
    num_items : int
        Inputs to process.
    num_sampled : int
        Inputs whose header was read.
    expected_bytes : int
        The approximate size of the features.
    free_bytes : int
        The free disk space, see `melcli.store.space.Space`.
    audio_s : float
        The approximate duration of the audio, in seconds.
    time_s : float or None
        The approximate time of the run, in seconds; None if unknown.
    compressed : bool
        Whether the features are compressed, so that ``expected_bytes`` is an upper bound.
    """

    num_items: int
    num_sampled: int
    expected_bytes: int
    free_bytes: int
    audio_s: float = 0.0
    time_s: float | None = None
    compressed: bool = False

    @property
    def fits(self) -> bool:
        """Whether the features fit into the free disk space."""
        return self.expected_bytes <= self.free_bytes

    def sentence(self) -> str:
        """Return the estimate as a sentence for people."""
        size = f"{'at most ' if self.compressed else ''}about {format_size(self.expected_bytes)}"
        headers = f"{self.num_sampled:,} of {self.num_items:,} headers"
        free = f"{'' if self.fits else 'only '}{format_size(self.free_bytes)}"
        return f"the features need {size} (estimated from {headers}); {free} are free"

    def to_json(self) -> dict[str, Any]:
        """Return the object that ``--json`` prints."""
        return {
            "audio_s": round(self.audio_s, 3),
            "expected_s": None if self.time_s is None else round(self.time_s, 1),
            "expected_bytes": self.expected_bytes,
            "free_bytes": self.free_bytes,
            "is_bound": self.compressed,
            "num_items": self.num_items,
            "num_sampled": self.num_sampled,
        }


def expected_space(job: Job, to_do: ToDo, engine: Engine, *, until_s: float = math.inf) -> Estimate:
    """Estimate the disk space that the features of the items need.

    Workers read the headers of a sample of each extension, the same sample in each run.  Durations of other items are
    interpolated by their size.  A header that cannot be read, or crashes its worker, stands for inputs without
    features.  Wrong headers are not detected.

    In 120 trials, the largest error for 400 files of one kind was 2.4 %.  For mixtures of WAV, FLAC, MP3 and Ogg it was
    17 %, at three rates, in three sample formats, with silent files.

    Parameters
    ----------
    job : Job
    to_do : ToDo
        The items to process.
    engine : Engine
        Its workers read the headers.
    until_s : float
        When to stop, by `time.monotonic`.

    Raises
    ------
    TimeUp
        The headers are not read by ``until_s``.
    StorageError
        The file system of OUT does not report its free space.
    WorkersFailing
        No worker can be started.
    """
    with storage_errors(job.out):
        space = space_at(job.out)
    samples = _samples(to_do)
    items = {(kind, index): to_do.by_size(kind, index) for kind, _, indexes in samples for index in indexes}
    # Each item is a call of its own, so that all workers take part.
    batches = (Batch(items=(item,)) for item in items.values())
    by_id = {one.id: one for one in measure(job, batches, engine, until_s)}
    measured = {key: by_id[item.id] for key, item in items.items()}
    groups = [
        _expect_group(sizes, {index: measured[kind, index] for index in indexes}, job.config, space)
        for kind, sizes, indexes in samples
    ]
    return Estimate(
        num_items=len(to_do),
        num_sampled=len(measured),
        expected_bytes=sum(num_bytes for num_bytes, _ in groups),
        free_bytes=space.free_bytes,
        audio_s=sum(audio_s for _, audio_s in groups),
        compressed=job.config.output.format == "hdf5",
    )


def expected_space_alone(
    config: Config, to_do: ToDo, *, out: str, workers: int, limits: Limits | None = None
) -> Estimate:
    """Estimate like `expected_space`, with workers of its own and without writing to OUT."""
    from melcli.run.engines.local import LocalEngine  # imported late, as in `melcli.run.extract`

    job = Job(out=out, config=config, config_id=config.config_id, limits=limits or Limits())
    with Interrupts():
        began_s = time.monotonic()
        engine = LocalEngine(
            max(1, min(workers, MAX_DRY_RUN_WORKERS, len(to_do))), imports=("melcli.run.process_batch",)
        )
        try:
            engine.start()
            start_s = time.monotonic() - began_s
            space = expected_space(job, to_do, engine)
            speed = _speed(job, to_do, engine) * min(workers, usable_cpus(), len(to_do)) / engine.workers
            return replace(space, time_s=start_s + space.audio_s / speed if speed else None)
        finally:
            engine.stop()


def _speed(job: Job, to_do: ToDo, engine: Engine) -> float:
    """Return the seconds of audio that all workers together process in a second, by a trial; 0 if it fails."""
    keys = [(kind, index) for kind, _, indexes in _samples(to_do) for index in indexes]
    stride = -(-len(keys) // MAX_TIMED_ITEMS)
    items = [to_do.by_size(kind, index) for kind, index in keys[::stride]]
    futures = []
    for number in range(engine.workers):
        first = number * len(items) // engine.workers
        own = (*items[first:], *items[:first])  # another order for each, so that no file is read twice at a time
        futures.append(engine.submit(time_sample, (job, Batch(items=own)), timeout_s=SAMPLE_TIMEOUT_S))
    try:
        timed = [future.result() for future in futures]
    except BatchLost:  # by an item that will fail
        return 0.0
    return float(sum(one.audio_s / one.elapsed_s for one in timed))


def _samples(to_do: ToDo) -> list[tuple[str, array[int], list[int]]]:
    """Return each extension, the sizes of its items, and the indexes of its samples."""
    return [(kind, sizes, _choose(sizes, count)) for kind, sizes, count in _sample_counts(to_do)]


def _sample_counts(to_do: ToDo) -> Iterator[tuple[str, array[int], int]]:
    """Yield each extension, the sizes of its items, and the number of samples, in proportion to its audio."""
    kinds = to_do.kinds()
    weights = {kind: EXPANSION.get(kind, 1) * sum(sizes) for kind, sizes in kinds}
    for kind, sizes in kinds:
        yield kind, sizes, max(MIN_SAMPLES_PER_EXTENSION, MAX_SAMPLES * weights[kind] // sum(weights.values()))


def _choose(sizes: Sequence[int], count: int) -> list[int]:
    """Choose the indexes of a sample: half at equal steps through the items, half at equal steps through their bytes.

    Steps through the items find small and long files, such as silence in FLAC.  Steps through the bytes find the few
    items that are larger than all others together.
    """
    if len(sizes) <= count:
        return list(range(len(sizes)))
    half = count // 2
    middles = [(2 * step + 1) / (2 * half) for step in range(half)]
    indexes = {int(middle * len(sizes)) for middle in middles}
    total = sum(sizes)
    positions = iter(int(middle * total) for middle in middles)
    position: int | None = next(positions)
    for index, end in enumerate(accumulate(sizes)):
        while position is not None and position < end:
            indexes.add(index)
            position = next(positions, None)
    return sorted(indexes)


def _expect_group(
    sizes: Sequence[int], measured: Mapping[int, MeasuredItem], config: Config, space: Space
) -> tuple[int, float]:
    """Estimate bytes and seconds of one extension; durations of items without a sample are interpolated.

    Parameters
    ----------
    sizes : sequence of int
        The sizes of all items, sorted.
    measured : Mapping
        The samples by their index in ``sizes``, sorted.
    config : Config
    space : Space
    """
    by_size: dict[int, list[float]] = defaultdict(list)
    for index, sample in measured.items():
        by_size[sizes[index]].append(sample.duration_s)
    known_sizes, durations_s = list(by_size), [fmean(same_size) for same_size in by_size.values()]
    num_outputs = fmean(sample.num_outputs for sample in measured.values())
    expected_bytes = audio_s = 0.0
    for sample in measured.values():
        expected_bytes += sample.num_outputs * _output_bytes(sample.duration_s, config, space)
        audio_s += sample.duration_s
    for start, end in pairwise([-1, *measured, len(sizes)]):
        between = range(start + 1, end)
        stride = len(between) // MAX_INTERPOLATED + 1
        estimated_s = [_interpolate(sizes[index], known_sizes, durations_s) for index in between[stride // 2 :: stride]]
        if estimated_s:
            mean_bytes = fmean(_output_bytes(duration_s, config, space) for duration_s in estimated_s)
            expected_bytes += len(between) * num_outputs * mean_bytes
            audio_s += len(between) * fmean(estimated_s)
    return round(expected_bytes), audio_s


def _interpolate(size: int, sizes: Sequence[int], durations_s: Sequence[float]) -> float:
    """Estimate the duration of an item from its size; outside of the known sizes it is proportional."""
    above = bisect_left(sizes, size)
    if above in (0, len(sizes)):
        nearest = min(above, len(sizes) - 1)
        return durations_s[nearest] * size / sizes[nearest]
    part = (size - sizes[above - 1]) / (sizes[above] - sizes[above - 1])
    return durations_s[above - 1] + part * (durations_s[above] - durations_s[above - 1])


def _output_bytes(duration_s: float, config: Config, space: Space) -> int:
    """Return the disk space of one output."""
    features = config.features
    frames = count_output_frames(round(duration_s * features.sampling_rate), features)
    content = frames * features.num_features * int(config.output.dtype.removeprefix("float")) // 8
    if config.output.format == "hdf5" or not frames:
        return content
    return -(-(NPY_HEADER_BYTES + content) // space.block_bytes) * space.block_bytes
