"""How many bytes of features a run will write, told by the headers of a few inputs before it writes them."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from itertools import accumulate, pairwise
from operator import attrgetter
from statistics import fmean
from typing import Any

from melcli.config.resolve import Config
from melcli.mel.geometry import count_output_frames
from melcli.run.batches import EXPANSION, Batch
from melcli.run.calls import measure_batch
from melcli.run.engines.contract import BatchLost, Engine
from melcli.run.interrupts import Interrupts
from melcli.run.job import Job, Measured
from melcli.sources.items import Item
from melcli.sources.names import extension
from melcli.store.files import storage_errors
from melcli.store.space import Space, size_in_words, space_at

__all__ = ["Estimate", "expected_space", "expected_space_alone"]

MOST_SAMPLES = 64
FEWEST_SAMPLES = 8  # of each extension, however little of the whole it is
FEW_BETWEEN = 16  # items between two drawn ones that stand for all of them
HEADER_S = 60.0  # that reading one may take, from a slow network disk
NPY_HEADER_BYTES = 128
MOST_WORKERS = 4  # of a dry run: to start more takes longer than what they would do


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """The room that the features of a run will take, and the room that there is.

    It is the features' alone: a row of the manifest is about 700 bytes, and twice on the disk while a run goes on.
    What is made anew is counted as if what it takes the place of stayed.

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
    compressed : bool
        ``expected_bytes`` is before compression, so that it is a bound.
    """

    num_items: int
    num_sampled: int
    expected_bytes: int
    free_bytes: int
    compressed: bool = False

    @property
    def fits(self) -> bool:
        """Whether there is room for it."""
        return self.expected_bytes <= self.free_bytes

    def remark(self) -> str:
        """Say it in one line for people."""
        size = f"{'at most ' if self.compressed else ''}about {size_in_words(self.expected_bytes)}"
        many = f"{self.num_sampled:,} of {self.num_items:,} headers"
        free = size_in_words(self.free_bytes)
        if self.fits:
            return f"{size} of features are to be written (from {many}); {free} are free"
        return f"{size} of features are to be written (from {many}), and only {free} are free"

    def plain(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        return {
            "expected_bytes": self.expected_bytes,
            "free_bytes": self.free_bytes,
            "is_bound": self.compressed,
            "num_items": self.num_items,
            "num_sampled": self.num_sampled,
        }


def expected_space(job: Job, items: Sequence[Item], engine: Engine) -> Estimate:
    """Estimate the room that the features of ``items`` will take.

    Of each extension a few items are drawn, the same ones each time, and the others are taken to be as long as those
    next to them in size.  A header that cannot be read, or that its worker dies of, stands for inputs that will have
    no features; one that lies is believed.

    For 400 files of one kind this was 2.4 % off at most, for mixtures of WAV, FLAC, MP3 and Ogg at three rates and in
    three sample formats, silent files among them, 17 % (120 trials).

    Parameters
    ----------
    job : Job
    items : sequence of Item
        What there is to do, sorted by id.
    engine : Engine
        Its workers read the headers.

    Raises
    ------
    StorageError
        OUT's file system does not say how much room it has.
    WorkersFailing
        No worker can be started.
    """
    with storage_errors(job.out):
        space = space_at(job.out)
    drawn = [(group, _draw(group, count)) for group, count in _shares(items)]
    measured = _measure(job, [group[place] for group, places in drawn for place in places], engine)
    expected_bytes = sum(_group_bytes(group, places, measured, job.config, space) for group, places in drawn)
    return Estimate(
        num_items=len(items),
        num_sampled=len(measured),
        expected_bytes=expected_bytes,
        free_bytes=space.free_bytes,
        compressed=job.config.output.format == "hdf5",
    )


def expected_space_alone(config: Config, items: Sequence[Item], *, out: str, workers: int) -> Estimate:
    """Estimate as `expected_space` does, by workers that are started for it alone; nothing is written."""
    from melcli.run.engines.local import LocalEngine  # late, as in `melcli.run.extract`

    job = Job(out=out, config=config, config_id=config.config_id)
    with Interrupts() as interrupts:
        engine = LocalEngine(max(1, min(workers, MOST_WORKERS, len(items))))
        try:
            interrupts.hold_back(engine.start, engine.give_up)
            return expected_space(job, items, engine)
        finally:
            engine.stop()


def _shares(items: Sequence[Item]) -> Iterator[tuple[list[Item], int]]:
    """Group items by extension, the smallest first, and say how many of each to draw: as much as it is of the audio."""
    kinds: dict[str, list[Item]] = defaultdict(list)
    for item in items:
        if item.size > 0:  # the others will have no features
            kinds[extension(item.source)].append(item)
    for group in kinds.values():
        group.sort(key=attrgetter("size"))  # which leaves equal ones by id
    weights = {kind: EXPANSION.get(kind, 1) * sum(item.size for item in group) for kind, group in kinds.items()}
    for kind, group in sorted(kinds.items()):
        yield group, max(FEWEST_SAMPLES, MOST_SAMPLES * weights[kind] // sum(weights.values()))


def _draw(group: Sequence[Item], count: int) -> list[int]:
    """Choose places in a group: half of them at equal steps through its items, half through its bytes.

    The former meet what is short of bytes and long in time, as silence in FLAC is, the latter the few items that are
    larger than all others together.
    """
    if len(group) <= count:
        return list(range(len(group)))
    ends = list(accumulate(item.size for item in group))
    half = count // 2
    middles = [(2 * step + 1) / (2 * half) for step in range(half)]
    by_items = {int(middle * len(group)) for middle in middles}
    by_bytes = {bisect_right(ends, int(middle * ends[-1])) for middle in middles}
    return sorted(by_items | by_bytes)


def _group_bytes(
    group: Sequence[Item], drawn: Sequence[int], measured: Mapping[str, Measured], config: Config, space: Space
) -> int:
    """Estimate what the items of one extension will take: those not drawn are as long as those next to them in size."""
    of_size: dict[int, list[float]] = defaultdict(list)
    for place in drawn:
        of_size[group[place].size].append(measured[group[place].id].duration_s)
    sizes, durations_s = list(of_size), [fmean(alike) for alike in of_size.values()]
    num_outputs = fmean(measured[group[place].id].num_outputs for place in drawn)
    expected_bytes = 0.0
    for place in drawn:
        known = measured[group[place].id]
        expected_bytes += known.num_outputs * _output_bytes(known.duration_s, config, space)
    for start, end in pairwise([-1, *drawn, len(group)]):
        between = range(start + 1, end)
        stride = len(between) // FEW_BETWEEN + 1
        some = [_interpolate(group[place].size, sizes, durations_s) for place in between[stride // 2 :: stride]]
        if some:
            mean_bytes = fmean(_output_bytes(duration_s, config, space) for duration_s in some)
            expected_bytes += len(between) * num_outputs * mean_bytes
    return round(expected_bytes)


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


def _measure(job: Job, items: Iterable[Item], engine: Engine) -> dict[str, Measured]:
    """Read headers, each in a call of its own, so that a decoder that crashes takes no other with it; by id."""
    futures = [
        (item.id, engine.submit(measure_batch, (job, Batch(items=(item,))), timeout_s=HEADER_S)) for item in items
    ]
    return {item_id: _outcome(item_id, future) for item_id, future in futures}


def _outcome(item_id: str, future: Future[list[Measured]]) -> Measured:
    try:
        return future.result()[0]
    except BatchLost:
        return Measured(item_id, 0.0, 1)
