"""Batches: which items a worker processes together, and in which order they are dispatched."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from melcli.byte_order import byte_order
from melcli.options import fingerprint
from melcli.run.to_do import ToDo, decoded_bytes
from melcli.sources.items import Item
from melcli.store.journal import PlannedShard

__all__ = [
    "Batch",
    "header_timeout_s",
    "item_timeout_s",
    "plan_shards",
    "planned_before",
    "planned_shard",
    "shard_batches",
    "small_batches",
]

MOST_ITEMS = 256
MOST_BYTES = 32_000_000  # decoded: 16 minutes of 16 kHz mono; a kill costs one or two for each worker
MOST_SHARD_ITEMS = 10_000  # their rows, 6 MB of JSON, are one line of the journal
# A worker makes a shard alone.  So that a small corpus keeps several of them busy, it has as many shards as this, but
# none smaller than this; that does not depend on how many workers there are.
FEWEST_SHARDS = 8
SMALLEST_SHARD_BYTES = 4_000_000
STORING_S = 60  # that a batch may take for more than its items
HEADER_S = 60.0  # that reading one may take, from a slow network disk
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
        """Return the seconds for the batch if the user limits each item; None: `timeout_s`."""
        return self.timeout_s if per_item_s is None else STORING_S + per_item_s * len(self.items)

    def storing_within_s(self, per_item_s: float | None) -> float:
        """Return the seconds of them that storing what was made may take."""
        return STORING_S if per_item_s is not None else STORING_S + self.cost / 1e6


def header_timeout_s(per_item_s: float | None) -> float:
    """Return the seconds that reading a header may take, where the user gives each item ``per_item_s``, or None."""
    return HEADER_S if per_item_s is None else min(HEADER_S, per_item_s)


def item_timeout_s(item: Item) -> float:
    """Return the seconds that one item may take, unless the user says so; they grow with its size."""
    return Batch(items=(item,)).timeout_s


def small_batches(
    to_do: ToDo, workers: int, *, most_items: int = MOST_ITEMS, unplanned: bool = False
) -> Iterator[Batch]:
    """Cut items into batches, the longest items first; long ones stand alone.

    Nothing of what is stored depends on how the cuts fall.

    Parameters
    ----------
    to_do : ToDo
        Read while the batches are asked for.
    workers : int
        Each gets several batches, if there are enough items.
    most_items : int
        Of a batch.
    unplanned : bool
        Only of the items that are in no shard.
    """
    most_items = max(1, min(most_items, len(to_do) // (FEWEST_PER_WORKER * workers)))
    for batch in _cut(to_do.longest_first(unplanned=unplanned), most_items, MOST_BYTES):
        yield Batch(items=batch)


def shard_batches(to_do: ToDo, shards: Iterable[PlannedShard]) -> Iterator[Batch]:
    """Make batches of planned shards, those of most audio first, so that no long one is left alone at the end."""
    costs = to_do.costs()
    for shard in sorted(shards, key=lambda shard: (-costs[shard.number], byte_order(shard.first))):
        yield Batch(items=to_do.of_shard(shard.number, shard.first, shard.last), shard=shard)


def plan_shards(
    to_do: ToDo, most_bytes: int, first: int, *, config_id: str | None = None, shard_mb: int | None = None
) -> list[PlannedShard]:
    """Cut the items that are in no shard into shards of neighbors, by about what their features take.

    The cuts depend on the items alone and never on the workers.

    Parameters
    ----------
    to_do : ToDo
        Notes the shard of each item.
    most_bytes : int
        Of one shard; an item that is larger gets a shard of its own.  `MOST_SHARD_ITEMS` bounds it too, and of few
        items smaller shards are made.
    first : int
        Number of the first shard.
    config_id, shard_mb : str or int or None
        What the plan holds for; see `PlannedShard`.
    """
    total_bytes = sum(stored for _, stored in to_do.unplanned())
    most_bytes = min(most_bytes, max(SMALLEST_SHARD_BYTES, total_bytes // FEWEST_SHARDS))
    parts = _cut(to_do.unplanned(), MOST_SHARD_ITEMS, most_bytes)
    shards = [
        planned_shard(number, part, config_id=config_id, shard_mb=shard_mb) for number, part in enumerate(parts, first)
    ]
    for shard in shards:
        to_do.plan(shard.number, shard.first, shard.last)
    return shards


def planned_shard(
    number: int, items: Sequence[Item], *, config_id: str | None = None, shard_mb: int | None = None
) -> PlannedShard:
    """Plan a shard of ``items``, which are sorted by id."""
    return PlannedShard(
        number=number,
        first=items[0].id,
        last=items[-1].id,
        digest=_digest(items),
        config_id=config_id,
        shard_mb=shard_mb,
    )


def planned_before(to_do: ToDo, shards: Iterable[PlannedShard], in_use: Collection[int] = ()) -> list[PlannedShard]:
    """Find the shards that an interrupted run planned and that can still be written just as it planned them.

    Parameters
    ----------
    to_do : ToDo
        Notes the shard of each item.
    shards : iterable of PlannedShard
        From the journal.
    in_use : collection of int
        Numbers of shards that rows describe.  They are never written again, whatever a plan says.
    """
    found: list[PlannedShard] = []
    numbers = set(in_use)
    for shard in reversed(list(shards)):  # where two plans of an item would fit, the later one holds
        if shard.number in numbers or to_do.is_planned(shard.first, shard.last):
            continue
        part = tuple(to_do.between(shard.first, shard.last))
        if part and _digest(part) == shard.digest:
            to_do.plan(shard.number, shard.first, shard.last)
            found.append(shard)
            numbers.add(shard.number)
    return found[::-1]


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
