"""Batches: every item in exactly one, the longest first, shards that know nothing of the workers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from melcli.byte_order import byte_order, ids_in_order
from melcli.run import batching
from melcli.run.batching import (
    MAX_BATCH_BYTES,
    MAX_BATCH_ITEMS,
    MAX_SHARD_ITEMS,
    MIN_BATCHES_PER_WORKER,
    STORING_TIMEOUT_S,
    Batch,
    item_timeout_s,
    shard_batches,
)
from melcli.run.to_do import ToDo, decoded_bytes
from melcli.scratch import Scratch
from melcli.sources.item_table import ItemTable
from melcli.sources.item_values import item_values
from melcli.sources.items import NO_FILE_SIZE, Item
from melcli.store.journal import PlannedShard

MOST = 1000  # bytes of one shard here


def item(name: str, size: int = 1, extension: str = ".wav", mtime_ns: int = 0) -> Item:
    return Item(name, f"in/{name}{extension}", size, mtime_ns)


@st.composite
def item_lists(draw: st.DrawFn, *, largest: int = 2 * MAX_BATCH_BYTES) -> list[Item]:
    """Items as a search brings them: sorted by id, each id once."""
    names = ids_in_order(draw(st.sets(st.text("abc/\udcff", min_size=1, max_size=5), max_size=150)))
    kinds = st.sampled_from([".wav", ".flac", ".mp3", ".OGG", ""])
    return [item(name, draw(st.integers(NO_FILE_SIZE, largest)), draw(kinds)) for name in names]


def decoded_bytes_of(items: Sequence[Item]) -> dict[str, int]:
    return {one.id: decoded_bytes(one) for one in items}


@contextmanager
def to_do(items: Sequence[Item], sizes: Mapping[str, int] | None = None) -> Iterator[ToDo]:
    with Scratch() as scratch:
        found = ToDo(ItemTable([list(map(item_values, items))], scratch), scratch)
        found.measure((sizes or {}).items())
        yield found


def small_batches(items: Sequence[Item], workers: int, **more: int) -> list[Batch]:
    with to_do(items) as wanted:
        return list(batching.small_batches(wanted, workers, **more))


def plan_shards(items: Sequence[Item], sizes: Mapping[str, int], max_bytes: int, first: int) -> list[Batch]:
    with to_do(items, sizes) as wanted:
        return in_batches(wanted, batching.plan_shards(wanted, max_bytes, first))


def reusable_shards(items: Sequence[Item], shards: Sequence[PlannedShard]) -> list[Batch]:
    with to_do(items) as wanted:
        return in_batches(wanted, batching.reusable_shards(wanted, shards))


def in_batches(wanted: ToDo, shards: Sequence[PlannedShard]) -> list[Batch]:
    return [Batch(items=wanted.of_shard(each.number, each.first, each.last), shard=each) for each in shards]


def ids(batches: Sequence[Batch]) -> list[str]:
    return [one.id for batch in batches for one in batch.items]


def shards_of(batches: Sequence[Batch]) -> list[PlannedShard]:
    return [batch.shard for batch in batches if batch.shard is not None]


@given(item_lists(), st.integers(1, 8))
def test_small_batches_hold_each_item_once_the_longest_first(items: list[Item], workers: int) -> None:
    batches = list(small_batches(items, workers))
    assert sorted(ids(batches)) == [one.id for one in items]
    places = [(-decoded_bytes(one), byte_order(one.id)) for batch in batches for one in batch.items]
    assert places == sorted(places)


@given(item_lists(), st.integers(1, 8))
def test_small_batches_are_small(items: list[Item], workers: int) -> None:
    for batch in small_batches(items, workers):
        assert 1 <= len(batch.items) <= MAX_BATCH_ITEMS
        assert len(batch.items) == 1 or batch.cost <= MAX_BATCH_BYTES
        assert batch.shard is None


@given(st.integers(0, 2000), st.integers(1, 8))
def test_there_are_batches_enough_for_all_workers(count: int, workers: int) -> None:
    batches = list(small_batches([item(f"{number:04}") for number in range(count)], workers))
    assert len(batches) >= min(count, MIN_BATCHES_PER_WORKER * workers)


@given(item_lists(), st.integers(1, 8), st.integers(1, 3))
def test_small_batches_can_be_smaller_still(items: list[Item], workers: int, max_items: int) -> None:
    batches = list(small_batches(items, workers, max_items=max_items))
    assert sorted(ids(batches)) == [one.id for one in items]
    assert all(len(batch.items) <= max_items for batch in batches)


@given(item_lists())
def test_small_batches_do_not_hang_from_the_order_of_the_items(items: list[Item]) -> None:
    assert list(small_batches(items, 2)) == list(small_batches(items[::-1], 2))


@given(item_lists(largest=3 * MOST))
def test_the_shards_of_most_audio_are_made_first(items: list[Item]) -> None:
    with to_do(items, decoded_bytes_of(items)) as wanted:
        shards = batching.plan_shards(wanted, MOST, 0)
        ordered = list(shard_batches(wanted, shards))
        assert list(shard_batches(wanted, shards[::-1])) == ordered
        assert sorted(ids(ordered)) == sorted(ids(in_batches(wanted, shards)))
    assert all(one.cost >= next_one.cost for one, next_one in pairwise(ordered))


def test_a_compressed_file_costs_what_it_decodes_to() -> None:
    assert decoded_bytes(item("a", 100)) == 100
    assert decoded_bytes(item("a", 100, ".mp3")) == decoded_bytes(item("a", 100, ".MP3")) > 500
    assert decoded_bytes(item("a", NO_FILE_SIZE)) == 0


def test_a_longer_batch_has_more_time() -> None:
    one = Batch(items=(item("a"),))
    assert one.timeout_s >= 60
    assert Batch(items=(item("a", 10**9),)).timeout_s >= one.timeout_s + 900
    assert Batch(items=(item("a"), item("b"))).timeout_s > one.timeout_s


def test_a_batch_has_the_time_of_its_items_and_some_to_store_them() -> None:
    """So that the item is the one whose time runs out, within a batch too."""
    small, large = item("a"), item("b", 10**9)
    batch = Batch(items=(small, large))
    assert batch.timeout_within_s(None) == batch.timeout_s
    assert batch.timeout_within_s(2.0) == STORING_TIMEOUT_S + 4.0
    assert item_timeout_s(large) >= item_timeout_s(small) + 900
    assert batch.timeout_s >= item_timeout_s(large)


@given(item_lists(largest=3 * MOST), st.integers(0, 9))
def test_shards_hold_each_item_once_in_order(items: list[Item], first: int) -> None:
    batches = plan_shards(items, decoded_bytes_of(items), MOST, first)
    assert ids(batches) == [one.id for one in items]
    for number, batch in enumerate(batches, first):
        assert batch.shard is not None
        ends = batch.items[0].id, batch.items[-1].id
        assert (batch.shard.number, batch.shard.first, batch.shard.last) == (number, *ends)


@given(item_lists(largest=3 * MOST))
def test_shards_are_as_full_as_they_may_be(items: list[Item]) -> None:
    sizes = decoded_bytes_of(items)
    batches = plan_shards(items, sizes, MOST, 0)
    for batch in batches:
        assert len(batch.items) == 1 or sum(sizes[one.id] for one in batch.items) <= MOST
    for batch, following in pairwise(batches):
        assert sum(sizes[one.id] for one in (*batch.items, following.items[0])) > MOST


def test_a_shard_holds_no_more_items_than_one_line_of_the_journal_should() -> None:
    items = [item(f"{number:06d}", 0) for number in range(MAX_SHARD_ITEMS + 1)]
    full, rest = plan_shards(items, dict.fromkeys((one.id for one in items), 0), MOST, 0)
    assert (len(full.items), len(rest.items)) == (MAX_SHARD_ITEMS, 1)


@given(item_lists(largest=3 * MOST))
def test_what_was_planned_before_is_found_again(items: list[Item]) -> None:
    batches = plan_shards(items, decoded_bytes_of(items), MOST, 3)
    assert reusable_shards(items, shards_of(batches)) == batches


@given(item_lists(largest=3 * MOST), st.data())
def test_a_shard_with_a_changed_item_is_not_planned_again_and_the_others_are(
    items: list[Item], data: st.DataObject
) -> None:
    batches = plan_shards(items, decoded_bytes_of(items), MOST, 0)
    if not batches:
        return
    changed = data.draw(st.sampled_from(items))
    larger, later = changed._replace(size=changed.size + 1), changed._replace(mtime_ns=changed.mtime_ns + 1)
    instead = data.draw(st.sampled_from([larger, later]))
    now = [instead if one == changed else one for one in items]
    assert reusable_shards(now, shards_of(batches)) == [batch for batch in batches if changed not in batch.items]


@given(item_lists(largest=3 * MOST), st.data())
def test_a_shard_without_one_of_its_items_or_with_one_more_is_not_planned_again(
    items: list[Item], data: st.DataObject
) -> None:
    batches = plan_shards(items, decoded_bytes_of(items), MOST, 0)
    if len(items) < 2:
        return
    other = data.draw(st.sampled_from(items))
    fewer = [one for one in items if one != other]
    kept = reusable_shards(fewer, shards_of(batches))
    assert kept == [batch for batch in batches if other not in batch.items]
    # The plan was made without `other`; now it is there, perhaps between two items of one shard.
    before = plan_shards(fewer, decoded_bytes_of(fewer), MOST, 0)
    spoiled = [
        batch
        for batch in before
        if byte_order(batch.items[0].id) < byte_order(other.id) < byte_order(batch.items[-1].id)
    ]
    assert reusable_shards(items, shards_of(before)) == [batch for batch in before if batch not in spoiled]


def test_the_digest_tells_items_apart_that_look_alike() -> None:
    (batch,) = plan_shards([item("a", 11)], {"a": 1}, MOST, 0)
    for other in (item("a", 1, mtime_ns=1), item("a", 1), item("a", 110)):
        assert reusable_shards([other], shards_of([batch])) == []
    assert reusable_shards([item("b", 11)], shards_of([batch])) == []


def test_no_item_stands_in_two_shards_though_two_plans_would_fit() -> None:
    """A run plans (a, b), `a` fails and is tried again alone by the next; then both are to do once more."""
    both = [item("a"), item("b")]
    first = plan_shards(both, decoded_bytes_of(both), MOST, 0)
    second = plan_shards(both[:1], decoded_bytes_of(both), MOST, 1)
    placed = ids(reusable_shards(both, shards_of([*first, *second])))
    assert sorted(placed) == sorted(set(placed))


def test_a_command_has_time_for_a_long_recording_once_for_all_its_parts() -> None:
    part = Item("a", "sph2pipe -f wav day.sph", NO_FILE_SIZE, 0, '"start_s":1.0,"end_s":2.0,"is_command":true')
    assert item_timeout_s(part) > batching.COMMAND_TIMEOUT_S
    two = Batch(items=(part, part._replace(id="b")))
    assert two.timeout_s < item_timeout_s(part) + 10
