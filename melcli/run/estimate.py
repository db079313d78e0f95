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
from melcli.run.job import Job, Measured
from melcli.run.limits import Limits
from melcli.run.to_do import EXPANSION, ToDo
from melcli.run.worker_tasks import time_sample
from melcli.store.files import storage_errors
from melcli.store.space import Space, format_size, space_at

__all__ = ["Estimate", "expected_space", "expected_space_alone"]

MOST_SAMPLES = 64
FEWEST_SAMPLES = 8  # of each extension, however little of the whole it is
FEW_BETWEEN = 16  # items between two drawn ones that stand for all of them
NPY_HEADER_BYTES = 128
MOST_TIMED = 12  # items whose speed is tried
SAMPLE_TIMEOUT_S = 60.0
MOST_WORKERS = 4  # of a dry run: to start more takes longer than what they would do


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """The disk space that the features of a run need, and the free disk space.

    It is the features' alone: a row of the manifest is about 700 bytes, and twice on the disk during a run.
    What is made again is counted as if what it takes the place of stayed.

    Attributes
    ----------
    num_items : int
        Inputs that there is work to do for.
    num_sampled : int
        Of them, those whose header was looked at.
    expected_bytes : int
        About what will be written.
    free_bytes : int
        As `melcli.store.space.Space` has it.
    audio_s : float
        About the seconds of audio.
    time_s : float or None
        About the seconds that the run takes; None: not known.
    compressed : bool
        ``expected_bytes`` is before compression, so that it is a bound.
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
        """Whether there is room for it."""
        return self.expected_bytes <= self.free_bytes

    def remark(self) -> str:
        """Say it in one line for people."""
        size = f"{'at most ' if self.compressed else ''}about {format_size(self.expected_bytes)}"
        many = f"{self.num_sampled:,} of {self.num_items:,} headers"
        free = format_size(self.free_bytes)
        if self.fits:
            return f"{size} of features are to be written (from {many}); {free} are free"
        return f"{size} of features are to be written (from {many}), and only {free} are free"

    def plain(self) -> dict[str, Any]:
        """Return what JSON can hold."""
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

    Of each extension a few items are drawn, the same ones each time, and the others are taken to be as long as those
    next to them in size.  A header that cannot be read, or that its worker dies of, stands for inputs that will have
    no features; one that lies is believed.

    For 400 files of one kind this was 2.4 % off at most, for mixtures of WAV, FLAC, MP3 and Ogg at three rates and in
    three sample formats, silent files among them, 17 % (120 trials).

    Parameters
    ----------
    job : Job
    to_do : ToDo
        What there is to do.
    engine : Engine
        Its workers read the headers.
    until_s : float
        When to stop, by `time.monotonic`.

    Raises
    ------
    TimeUp
        It is not done by then.
    StorageError
        OUT's file system does not say how much room it has.
    WorkersFailing
        No worker can be started.
    """
    with storage_errors(job.out):
        space = space_at(job.out)
    drawn = _drawn(to_do)
    items = {(kind, place): to_do.by_size(kind, place) for kind, _, places in drawn for place in places}
    # Each in a call of its own, so that all workers take part.
    batches = (Batch(items=(item,)) for item in items.values())
    by_id = {one.id: one for one in measure(job, batches, engine, until_s)}
    measured = {place: by_id[item.id] for place, item in items.items()}
    groups = [
        _expect_group(sizes, {place: measured[kind, place] for place in places}, job.config, space)
        for kind, sizes, places in drawn
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
    """Estimate as `expected_space` does, by workers that are started for it alone; nothing is written."""
    from melcli.run.engines.local import LocalEngine  # late, as in `melcli.run.extract`

    job = Job(out=out, config=config, config_id=config.config_id, limits=limits or Limits())
    with Interrupts():
        began_s = time.monotonic()
        engine = LocalEngine(max(1, min(workers, MOST_WORKERS, len(to_do))), imports=("melcli.run.process_batch",))
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
    places = [(kind, place) for kind, _, places in _drawn(to_do) for place in places]
    stride = -(-len(places) // MOST_TIMED)
    items = [to_do.by_size(kind, place) for kind, place in places[::stride]]
    futures = []
    for number in range(engine.workers):
        first = number * len(items) // engine.workers
        own = (*items[first:], *items[:first])  # another order for each, so that no file is read twice at a time
        futures.append(engine.submit(time_sample, (job, Batch(items=own)), timeout_s=SAMPLE_TIMEOUT_S))
    try:
        timed = [future.result() for future in futures]
    except BatchLost:  # by an item that will fail
        return 0.0
    return sum(one.audio_s / one.elapsed_s for one in timed)


def _drawn(to_do: ToDo) -> list[tuple[str, array[int], list[int]]]:
    """Return each extension, the sizes of its items, and the places of those that are drawn."""
    return [(kind, sizes, _draw(sizes, count)) for kind, sizes, count in _shares(to_do)]


def _shares(to_do: ToDo) -> Iterator[tuple[str, array[int], int]]:
    """Yield each extension, the sizes of its items, and how many of them to draw: as much as it is of the audio."""
    kinds = to_do.kinds()
    weights = {kind: EXPANSION.get(kind, 1) * sum(sizes) for kind, sizes in kinds}
    for kind, sizes in kinds:
        yield kind, sizes, max(FEWEST_SAMPLES, MOST_SAMPLES * weights[kind] // sum(weights.values()))


def _draw(sizes: Sequence[int], count: int) -> list[int]:
    """Choose places in a group: half of them at equal steps through its items, half through its bytes.

    The former meet what is short of bytes and long in time, as silence in FLAC is, the latter the few items that are
    larger than all others together.
    """
    if len(sizes) <= count:
        return list(range(len(sizes)))
    half = count // 2
    middles = [(2 * step + 1) / (2 * half) for step in range(half)]
    places = {int(middle * len(sizes)) for middle in middles}
    total = sum(sizes)
    wanted = iter(int(middle * total) for middle in middles)
    byte: int | None = next(wanted)
    for place, end in enumerate(accumulate(sizes)):
        while byte is not None and byte < end:
            places.add(place)
            byte = next(wanted, None)
    return sorted(places)


def _expect_group(
    sizes: Sequence[int], measured: Mapping[int, Measured], config: Config, space: Space
) -> tuple[int, float]:
    """Estimate bytes and seconds of the items of one extension: those not drawn are as long as their neighbors in size.

    Parameters
    ----------
    sizes : sequence of int
        Of the items, in order.
    measured : Mapping
        By place in ``sizes``, in order.
    config : Config
    space : Space
    """
    of_size: dict[int, list[float]] = defaultdict(list)
    for place, one in measured.items():
        of_size[sizes[place]].append(one.duration_s)
    known_sizes, durations_s = list(of_size), [fmean(alike) for alike in of_size.values()]
    num_outputs = fmean(one.num_outputs for one in measured.values())
    expected_bytes = audio_s = 0.0
    for one in measured.values():
        expected_bytes += one.num_outputs * _output_bytes(one.duration_s, config, space)
        audio_s += one.duration_s
    for start, end in pairwise([-1, *measured, len(sizes)]):
        between = range(start + 1, end)
        stride = len(between) // FEW_BETWEEN + 1
        some = [_interpolate(sizes[place], known_sizes, durations_s) for place in between[stride // 2 :: stride]]
        if some:
            mean_bytes = fmean(_output_bytes(duration_s, config, space) for duration_s in some)
            expected_bytes += len(between) * num_outputs * mean_bytes
            audio_s += len(between) * fmean(some)
    return round(expected_bytes), audio_s


def _interpolate(size: int, sizes: Sequence[int], durations_s: Sequence[float]) -> float:
    """Estimate the duration of an item by its size; outside of what is known it is proportional."""
    above = bisect_left(sizes, size)
    if above in (0, len(sizes)):
        nearest = min(above, len(sizes) - 1)
        return durations_s[nearest] * size / sizes[nearest]
    part = (size - sizes[above - 1]) / (sizes[above] - sizes[above - 1])
    return durations_s[above - 1] + part * (durations_s[above] - durations_s[above - 1])


def _output_bytes(duration_s: float, config: Config, space: Space) -> int:
    """Return what one output takes on the disk."""
    features = config.features
    frames = count_output_frames(round(duration_s * features.sampling_rate), features)
    content = frames * features.num_features * int(config.output.dtype.removeprefix("float")) // 8
    if config.output.format == "hdf5" or not frames:
        return content
    return -(-(NPY_HEADER_BYTES + content) // space.block_bytes) * space.block_bytes
