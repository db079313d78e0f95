"""Batches: which items a worker processes together, and in which order they are dispatched."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from melcli.byte_order import byte_order
from melcli.options import fingerprint
from melcli.run.to_do import ToDo, decoded_bytes, source_bytes
from melcli.sources.items import Item
from melcli.sources.names import extension
from melcli.store.journal import PlannedShard

__all__ = [
    "Batch",
    "header_timeout_s",
    "item_timeout_s",
    "plan_shards",
    "planned_shard",
    "reusable_shards",
    "shard_batches",
    "small_batches",
]

MAX_BATCH_ITEMS = 256
MAX_BATCH_BYTES = 32_000_000  # decoded: 16 minutes of 16 kHz mono; a kill loses one or two batches per worker
MAX_SHARD_ITEMS = 10_000  # their rows, 6 MB of JSON, are one line of the journal
# One worker makes a shard.  A small corpus is divided into at least this number of shards, to keep several workers
# busy, but not into smaller ones than this.  The number of workers has no influence on the shards.
MIN_SHARDS = 8
MIN_SHARD_BYTES = 4_000_000
MAX_PARTS = 2048  # of one source in a batch
# Formats in which decoding can start exactly at any sample; see `melcli.audio.decode.AudioFile.seek`.
SEEKABLE_EXTENSIONS = frozenset({".wav", ".wave", ".bwf", ".rf64", ".w64", ".flac", ".aif", ".aiff", ".aifc"})
STORING_TIMEOUT_S = 60  # for storing a batch
COMMAND_TIMEOUT_S = 600  # for a command, whose output has an unknown size
HEADER_TIMEOUT_S = 60.0  # for reading one header, generous for a slow network disk
MIN_BATCHES_PER_WORKER = 8  # so that the workers finish at about the same time


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Items that one worker processes and stores together.

    Attributes
    ----------
    items : tuple of Item
        The items in the order of processing.
    shard : PlannedShard or None
        The HDF5 shard of the items; None for ``npy``.
    """

    items: tuple[Item, ...]
    shard: PlannedShard | None = None

    @property
    def cost(self) -> int:
        """The approximate size of the decoded audio, in bytes."""
        return sum(map(decoded_bytes, self.items))

    @property
    def timeout_s(self) -> float:
        """Seconds after which the worker counts as hung: generous, for a slow network disk at 1 MB/s."""
        commands = {item.source for item in self.items if item.is_command}
        waiting_s = STORING_TIMEOUT_S + COMMAND_TIMEOUT_S * len(commands)
        return waiting_s + 5 * len(self.items) + (self.cost + self._skipped_bytes) / 1e6

    @property
    def _skipped_bytes(self) -> int:
        """The approximate size of decoded audio that may have to be skipped to reach the parts of sources."""
        return sum({item.source: source_bytes(item) for item in self.items if item.bounds}.values())

    def timeout_within_s(self, per_item_s: float | None) -> float:
        """Return the timeout of the batch if the user limits each item; `timeout_s` without a limit (None)."""
        return self.timeout_s if per_item_s is None else STORING_TIMEOUT_S + per_item_s * len(self.items)

    def storing_timeout_s(self, per_item_s: float | None) -> float:
        """Return the part of the timeout that storing the batch may take."""
        return STORING_TIMEOUT_S if per_item_s is not None else STORING_TIMEOUT_S + self.cost / 1e6


def header_timeout_s(per_item_s: float | None) -> float:
    """Return the timeout of reading one header; ``per_item_s`` is the user's limit for an item, or None."""
    return HEADER_TIMEOUT_S if per_item_s is None else min(HEADER_TIMEOUT_S, per_item_s)


def item_timeout_s(item: Item) -> float:
    """Return the default timeout of one item, which grows with its size."""
    return Batch(items=(item,)).timeout_s


def small_batches(
    to_do: ToDo, workers: int, *, max_items: int = MAX_BATCH_ITEMS, unplanned: bool = False
) -> Iterator[Batch]:
    """Divide items into batches, the longest items first; a long item is a batch of its own.

    The division has no influence on the outputs.  The parts of a source are in one batch, unless its format allows to
    start anywhere or there are more than `MAX_PARTS`: each batch decodes other formats from their start.

    Parameters
    ----------
    to_do : ToDo
        Read while the caller iterates.
    workers : int
        Number of workers.  Each gets several batches, if there are enough items.
    max_items : int
        Maximum number of items of a batch.
    unplanned : bool
        Whether to use only the items without a shard.
    """
    max_items = max(1, min(max_items, len(to_do) // (MIN_BATCHES_PER_WORKER * workers)))
    sized = to_do.longest_first(unplanned=unplanned)
    for batch in _divide(sized, max_items, MAX_BATCH_BYTES, keep_sources=to_do.has_parts):
        yield Batch(items=batch)


def shard_batches(to_do: ToDo, shards: Iterable[PlannedShard]) -> Iterator[Batch]:
    """Yield the batches of planned shards, those with the most audio first, so that no long one is the last."""
    costs = to_do.costs()
    for shard in sorted(shards, key=lambda shard: (-costs[shard.number], byte_order(shard.first))):
        yield Batch(items=to_do.of_shard(shard.number, shard.first, shard.last), shard=shard)


def plan_shards(
    to_do: ToDo, max_bytes: int, first: int, *, config_id: str | None = None, shard_mb: int | None = None
) -> list[PlannedShard]:
    """Divide the items without a shard into shards of adjacent items, by the approximate size of their features.

    The division depends only on the items, not on the workers.

    Parameters
    ----------
    to_do : ToDo
        Records the shard of each item.
    max_bytes : int
        Maximum size of a shard; a larger item gets its own shard.  `MAX_SHARD_ITEMS` is another limit, and a small
        corpus gets smaller shards.
    first : int
        The number of the first shard.
    config_id, shard_mb : str or int or None
        The settings for which the plan is valid; see `PlannedShard`.
    """
    total_bytes = sum(stored for _, stored in to_do.unplanned())
    max_bytes = min(max_bytes, max(MIN_SHARD_BYTES, total_bytes // MIN_SHARDS))
    parts = _divide(to_do.unplanned(), MAX_SHARD_ITEMS, max_bytes)
    shards = [
        planned_shard(number, part, config_id=config_id, shard_mb=shard_mb) for number, part in enumerate(parts, first)
    ]
    for shard in shards:
        to_do.plan(shard.number, shard.first, shard.last)
    return shards


def planned_shard(
    number: int, items: Sequence[Item], *, config_id: str | None = None, shard_mb: int | None = None
) -> PlannedShard:
    """Return the plan of a shard with these items, which are sorted by id."""
    return PlannedShard(
        number=number,
        first=items[0].id,
        last=items[-1].id,
        digest=_digest(items),
        config_id=config_id,
        shard_mb=shard_mb,
    )


def reusable_shards(to_do: ToDo, shards: Iterable[PlannedShard], in_use: Collection[int] = ()) -> list[PlannedShard]:
    """Return the shards that an interrupted run planned and that can still be written as planned.

    Parameters
    ----------
    to_do : ToDo
        Records the shard of each item.
    shards : iterable of PlannedShard
        The shards in the journal.
    in_use : collection of int
        Numbers of shards that rows list; these are never written again.
    """
    found: list[PlannedShard] = []
    numbers = set(in_use)
    for shard in reversed(list(shards)):  # of two plans with the same item, the later one is valid
        if shard.number in numbers or to_do.is_planned(shard.first, shard.last):
            continue
        part = tuple(to_do.between(shard.first, shard.last))
        if part and _digest(part) == shard.digest:
            to_do.plan(shard.number, shard.first, shard.last)
            found.append(shard)
            numbers.add(shard.number)
    return found[::-1]


def _divide(
    sized: Iterable[tuple[Item, int]], max_items: int, max_bytes: int, *, keep_sources: bool = False
) -> Iterator[tuple[Item, ...]]:
    """Yield parts of successive items; ``sized`` has the size of each item.

    With ``keep_sources``, the limits are exceeded for parts of a source that are better decoded together.
    """
    part: list[Item] = []
    part_bytes = 0
    for item, size in sized:
        is_full = len(part) >= max_items or part_bytes + size > max_bytes
        if part and is_full and not (keep_sources and _belong_together(part, item)):
            yield tuple(part)
            part, part_bytes = [], 0
        part.append(item)
        part_bytes += size
    if part:
        yield tuple(part)


def _belong_together(part: Sequence[Item], item: Item) -> bool:
    """Return whether the next item is better processed in the same batch."""
    can_start_anywhere = not item.is_command and extension(item.source) in SEEKABLE_EXTENSIONS
    return part[-1].source == item.source and len(part) < MAX_PARTS and not can_start_anywhere


def _digest(items: Iterable[Item]) -> str:
    return fingerprint(
        {"items": [(item.id, item.size, item.mtime_ns, *([item.bounds] if item.bounds else [])) for item in items]}
    )
