"""Batches: which items a worker does in one go, and in which order they are handed out."""

from __future__ import annotations

import os
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter

from melcli.options import fingerprint
from melcli.sources.items import Item
from melcli.store.journal import PlannedShard

__all__ = ["Batch", "longest_first", "plan_shards", "planned_before", "planned_shard", "small_batches"]

# How much larger the decoded audio is than the file, about: only the order and the size of batches hang from it.
EXPANSION = {".mp3": 10, ".ogg": 10, ".oga": 10, ".opus": 16, ".flac": 2}
MOST_ITEMS = 256
MOST_BYTES = 32_000_000  # decoded: 16 minutes of 16 kHz mono; a kill costs one or two for each worker
MOST_SHARD_ITEMS = 10_000  # their rows, 6 MB of JSON, are one line of the journal
# A worker makes a shard alone.  So that a small corpus keeps several of them busy, it has as many shards as this, but
# none smaller than this; that does not depend on how many workers there are.
FEWEST_SHARDS = 8
SMALLEST_SHARD_BYTES = 4_000_000
STORING_S = 60  # that a batch may take for more than its items
FEWEST_PER_WORKER = 8  # batches, so that the workers end at about the same time


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Items that one worker does together and that are stored together.

    Attributes
    ----------
    items : tuple of Item
        In the order in which they are done.
    shard : PlannedShard or None
        The HDF5 shard that they make.
    """

    items: tuple[Item, ...]
    shard: PlannedShard | None = None

    @property
    def cost(self) -> int:
        """About the bytes of the decoded audio."""
        return sum(map(decoded_bytes, self.items))

    @property
    def timeout_s(self) -> float:
        """Seconds after which a worker is taken to hang: generous, for a slow network disk at 1 MB/s."""
        return STORING_S + 5 * len(self.items) + self.cost / 1e6

    def timeout_within_s(self, per_item_s: float | None) -> float:
        """Return the seconds for the batch where the user gives each item so many; None: `timeout_s`."""
        return self.timeout_s if per_item_s is None else STORING_S + per_item_s * len(self.items)


def item_timeout_s(item: Item) -> float:
    """Return the seconds that one item may take, unless the user says so; they grow with its size."""
    return Batch(items=(item,)).timeout_s


def decoded_bytes(item: Item) -> int:
    """Guess how many bytes of audio an item decodes to, by the size and the kind of its file."""
    return max(0, item.size) * EXPANSION.get(os.path.splitext(item.source)[1].lower(), 1)


def longest_first(batches: Iterable[Batch]) -> list[Batch]:
    """Order batches by cost, so that no long one is left alone at the end."""
    return sorted(batches, key=lambda batch: (-batch.cost, batch.items[0].id))


def small_batches(items: Iterable[Item], workers: int, *, most_items: int = MOST_ITEMS) -> Iterator[Batch]:
    """Cut items into batches, the longest items first; long ones stand alone.

    Nothing of what is stored depends on how the cuts fall.

    Parameters
    ----------
    items : iterable of Item
    workers : int
        Each gets several batches, if there are so many items.
    most_items : int
        Of a batch.
    """
    # One sort after the other: a key of both is 100 bytes for each item, at the peak of the driver's memory.
    ordered = sorted(items, key=attrgetter("id"))
    ordered.sort(key=decoded_bytes, reverse=True)  # which leaves equal ones by id
    most_items = max(1, min(most_items, len(ordered) // (FEWEST_PER_WORKER * workers)))
    for batch in _cut(((item, decoded_bytes(item)) for item in ordered), most_items, MOST_BYTES):
        yield Batch(items=batch)


def plan_shards(items: Sequence[Item], stored_bytes: Mapping[str, int], most_bytes: int, first: int) -> list[Batch]:
    """Cut items into shards of neighbours; the cuts depend on the items alone and never on the workers.

    Parameters
    ----------
    items : sequence of Item
        Sorted by id.
    stored_bytes : Mapping of str to int
        About the bytes of each item's features, by id.
    most_bytes : int
        Of one shard; an item that is larger gets a shard of its own.  `MOST_SHARD_ITEMS` bounds it too, and of few
        items smaller shards are made.
    first : int
        Number of the first shard.
    """
    total_bytes = sum(stored_bytes[item.id] for item in items)
    most_bytes = min(most_bytes, max(SMALLEST_SHARD_BYTES, total_bytes // FEWEST_SHARDS))
    parts = _cut(((item, stored_bytes[item.id]) for item in items), MOST_SHARD_ITEMS, most_bytes)
    return [Batch(items=part, shard=planned_shard(number, part)) for number, part in enumerate(parts, first)]


def planned_shard(number: int, items: Sequence[Item]) -> PlannedShard:
    """Say what a shard is to hold: ``items``, sorted by id."""
    return PlannedShard(number=number, first=items[0].id, last=items[-1].id, digest=_digest(items))


def planned_before(items: Sequence[Item], shards: Iterable[PlannedShard]) -> list[Batch]:
    """Find the shards that an interrupted run planned and that can still be written just as it planned them.

    Parameters
    ----------
    items : sequence of Item
        What is to be done, sorted by id.
    shards : iterable of PlannedShard
        From the journal.
    """
    ids = [item.id for item in items]
    batches: list[Batch] = []
    placed: set[str] = set()
    for shard in reversed(list(shards)):  # where two plans of an item would fit, the later one holds
        part = tuple(items[bisect_left(ids, shard.first) : bisect_right(ids, shard.last)])
        if part and _digest(part) == shard.digest and placed.isdisjoint(item.id for item in part):
            batches.append(Batch(items=part, shard=shard))
            placed.update(item.id for item in part)
    return batches[::-1]


def _cut(sized: Iterable[tuple[Item, int]], most_items: int, most_bytes: int) -> Iterator[tuple[Item, ...]]:
    part: list[Item] = []
    filled = 0
    for item, size in sized:
        if part and (len(part) == most_items or filled + size > most_bytes):
            yield tuple(part)
            part, filled = [], 0
        part.append(item)
        filled += size
    if part:
        yield tuple(part)


def _digest(items: Iterable[Item]) -> str:
    return fingerprint({"items": [(item.id, item.size, item.mtime_ns) for item in items]})
