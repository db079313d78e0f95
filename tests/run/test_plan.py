"""The plan: a sign for every input, from what OUT says of it."""

from __future__ import annotations

from itertools import permutations
from typing import Any, cast

import pytest

from melcli.audio import decoding_revision as revisions
from melcli.errors import REASONS
from melcli.run.limits import Limits
from melcli.run.plan import Plan, Rerun, make_plan
from melcli.run.retry_conditions import LIMITS_BY_REASON, Conditions
from melcli.scratch import Scratch
from melcli.sources.item_table import ItemTable
from melcli.sources.item_values import item_values
from melcli.sources.items import Item
from melcli.store.entries import Entry, entry_of
from melcli.store.placement import StoredFiles
from melcli.store.rows import Row
from tests.store.rows import make_row

CONFIG = "0123456789abcdef"
ITEM = Item("a", "in/a.wav", 100, 7)
CONDITIONS = Conditions(Limits(timeout_per_item_s=3.0, max_memory_bytes=300_000_000))


class Told:
    """A plan, read."""

    def __init__(self, plan: Plan) -> None:
        self.signs = dict(plan.signs())
        self.to_do = list(plan.to_do())
        self.ids = list(plan.ids)
        self.other_config = list(plan.other_config)
        self.counts = plan.counts()


class Stored:
    """Stands for the files under OUT: all are there but those of the ids that are named."""

    def __init__(self, *lost: str) -> None:
        self._lost = lost

    def has_output(self, row: Entry) -> bool:
        return row.id not in self._lost


def row(row_id: str = "a", **changes: Any) -> Row:
    plain: dict[str, Any] = {
        "source": "in/a.wav",
        "source_size": 100,
        "source_mtime_ns": 7,
        "config_id": CONFIG,
        "decoding": revisions.DECODING_REVISION,
    }
    return make_row(row_id, **{**plain, **changes})


def failed(reason: str = "empty", **changes: Any) -> Row:
    return row(status="failed", reason=reason, message="in/a.wav: the file has 0 bytes", **changes)


def channel(number: int, of: int = 2, **changes: Any) -> Row:
    return row(f"a.ch{number}", channel=number, source_channels=of, **changes)


def plan(
    *rows: Row,
    items: tuple[Item, ...] = (ITEM,),
    lost: tuple[str, ...] = (),
    content: str = "",
    conditions: Conditions = CONDITIONS,
    **rerun: Any,
) -> Told:
    def hash_content(path: str) -> str | None:
        return content or None

    stored = cast(StoredFiles, Stored(*lost))
    with Scratch() as scratch:
        return Told(
            make_plan(
                ItemTable([list(map(item_values, items))], scratch),
                lambda find_unchanged: (entry_of(row.to_json().encode()) for row in rows),
                config_id=CONFIG,
                stored=stored,
                rerun=Rerun(**rerun),
                hash_content=hash_content,
                conditions_differ=conditions.differ,
            )
        )


def sign(*rows: Row, **arguments: Any) -> str:
    return plan(*rows, **arguments).signs["a"]


def test_new_without_a_row() -> None:
    assert sign() == "+"


def test_done_when_config_source_and_output_agree() -> None:
    assert sign(row()) == "="


@pytest.mark.parametrize("change", [{"source_size": 99}, {"source_mtime_ns": 8}, {"config_id": "another"}])
def test_stale_when_one_of_them_differs(change: dict[str, Any]) -> None:
    assert sign(row(**change)) == "*"


@pytest.fixture
def ogg_was_fixed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(revisions, "DECODING_REVISION", 2)
    monkeypatch.setattr(revisions, "REVISED", {"ogg": 2, "wav/gsm610": 1})


@pytest.mark.parametrize(
    "made, expected",
    [
        ({"format": "ogg/vorbis", "decoding": 1}, "*"),
        ({"format": "ogg/vorbis", "decoding": 2}, "="),
        ({"format": "ogg/opus", "decoding": None}, "*"),
        ({"format": "wav/gsm610", "decoding": 0}, "*"),
        ({"format": "wav/gsm610", "decoding": 1}, "="),
        ({"format": "wav/pcm_16", "decoding": 0}, "="),
        ({"format": "flac/pcm_16"}, "="),
        ({"source": "in/a.OGG"}, "*"),  # a row of an earlier release has no format
        ({"source": "in/a.flac"}, "="),
        ({"source": "in/a.wav"}, "*"),
        ({"source": "in/a"}, "*"),
    ],
)
def test_stale_when_decoding_of_its_format_changed(ogg_was_fixed: None, made: dict[str, Any], expected: str) -> None:
    assert sign(row(**{"decoding": None, **made})) == expected


@pytest.mark.parametrize(
    "made, expected",
    [
        ({"decoding": 2}, "!"),
        ({"decoding": 1}, "*"),  # it was not opened, so its format is unknown
        ({"source": "in/a.flac", "decoding": 1}, "*"),
        ({"format": "flac/pcm_16", "decoding": 1}, "!"),
        ({"format": "ogg/opus", "decoding": 1}, "*"),
    ],
)
def test_a_failed_item_is_retried_when_decoding_changed(
    ogg_was_fixed: None, made: dict[str, Any], expected: str
) -> None:
    assert sign(failed(**made)) == expected


def test_stale_when_the_output_is_not_there() -> None:
    assert sign(row(), lost=("a",)) == "*"


def test_failed_is_left_alone() -> None:
    assert sign(failed()) == "!"


@pytest.mark.parametrize("change", [{"source_size": 99}, {"source_mtime_ns": 8}, {"config_id": "another"}])
def test_failed_is_tried_again_when_source_or_config_changed(change: dict[str, Any]) -> None:
    assert sign(failed(**change)) == "*"


def test_failed_is_tried_again_when_asked() -> None:
    assert sign(failed(), retry_failed=True) == "*"
    assert sign(row(), retry_failed=True) == "="


@pytest.mark.parametrize("reason", REASONS)
def test_only_the_reasons_that_are_asked_for_are_retried(reason: str) -> None:
    one = CONDITIONS.record([failed(reason)])
    assert sign(*one, retry_reasons=[reason]) == "*"
    assert sign(*one, retry_reasons=["empty", "timeout", reason]) == "*"
    others = [other for other in REASONS if other != reason]
    assert sign(*one, retry_reasons=others) == ("*" if reason == "damaged" else "!")
    assert sign(row(), retry_reasons=REASONS) == "="


@pytest.mark.parametrize("reason", LIMITS_BY_REASON)
@pytest.mark.parametrize("recorded", [True, False], ids=["recorded", "not recorded"])
def test_failed_is_retried_where_limits_or_versions_differ(
    monkeypatch: pytest.MonkeyPatch, reason: str, recorded: bool
) -> None:
    """See test_tried_with.py for what differs; a row of an earlier version does not record it."""
    one = CONDITIONS.record([failed(reason)]) if recorded else [failed(reason)]
    assert sign(*one) == ("!" if recorded else "*")
    monkeypatch.setattr("melcli.run.retry_conditions.installed_versions", lambda: {"melcli": "another"})
    depends_on_versions = reason not in {"too_long", "too_short"}
    assert sign(*one, conditions=Conditions(Limits())) == ("*" if depends_on_versions or not recorded else "!")


@pytest.mark.parametrize("reason", sorted({*REASONS} - {*LIMITS_BY_REASON, "damaged"}))
def test_other_reasons_do_not_depend_on_limits_and_versions(monkeypatch: pytest.MonkeyPatch, reason: str) -> None:
    monkeypatch.setattr("melcli.run.retry_conditions.installed_versions", lambda: pytest.fail("no row asks for them"))
    assert sign(failed(reason)) == "!"
    assert CONDITIONS.record([failed(reason)]) == [failed(reason)]


@pytest.mark.parametrize("change", [{"source_size": 99}, {"config_id": "another"}])
def test_a_changed_source_or_config_needs_no_versions(monkeypatch: pytest.MonkeyPatch, change: dict[str, Any]) -> None:
    monkeypatch.setattr("melcli.run.retry_conditions.installed_versions", lambda: pytest.fail("they decide nothing"))
    assert sign(failed("timeout", **change), conditions=Conditions(Limits())) == "*"


@pytest.mark.parametrize("one", [row(), failed()])
def test_overwrite_makes_everything_stale(one: Row) -> None:
    assert sign(one, overwrite=True) == "*"


def test_a_row_without_an_input_is_an_orphan() -> None:
    found = plan(row("gone"), channel(0), channel(1), items=())
    assert found.signs == {"gone": "-", "a": "-"}
    assert found.to_do == []


@pytest.mark.parametrize(
    "known, found, expected",
    [
        ("sha256:1", "sha256:1", "="),
        ("sha256:1", "sha256:2", "*"),
        (None, "sha256:1", "*"),
        ("sha256:1", "", "*"),  # cannot be read
    ],
)
def test_with_checksum_the_content_decides(known: str | None, found: str, expected: str) -> None:
    # Of equal size and time, and of another time: neither counts.
    assert sign(row(source_hash=known), checksum=True, content=found) == expected
    assert sign(row(source_hash=known, source_mtime_ns=8), checksum=True, content=found) == expected


def test_with_checksum_a_failed_item_is_left_while_its_content_is_the_same() -> None:
    assert sign(failed(source_hash="sha256:1", source_mtime_ns=8), checksum=True, content="sha256:1") == "!"
    assert sign(failed(source_hash="sha256:1"), checksum=True, content="sha256:2") == "*"


def test_without_checksum_no_content_is_read() -> None:
    assert sign(row(source_hash="sha256:1")) == "="


def test_each_is_done_when_all_channels_are() -> None:
    assert sign(channel(0), channel(1)) == "="
    assert sign(channel(0, of=1)) == "="


@pytest.mark.parametrize("only", [0, 1])
def test_each_is_to_do_when_a_channel_has_no_row(only: int) -> None:
    assert plan(channel(only)).to_do == [ITEM]
    assert plan(channel(only), channel(2, of=3), items=(ITEM,)).to_do == [ITEM]


@pytest.mark.parametrize("order", list(permutations(range(3))))
@pytest.mark.parametrize("lost", ["a.ch0", "a.ch1", "a.ch2"])
def test_each_is_stale_when_one_output_is_lost_whatever_the_order(order: tuple[int, ...], lost: str) -> None:
    assert sign(*[channel(number, of=3) for number in order], lost=(lost,)) == "*"


@pytest.mark.parametrize("changed", [0, 1])
def test_each_is_stale_when_one_row_is_of_another_source(changed: int) -> None:
    both = [channel(number, source_size=99 if number == changed else 100) for number in range(2)]
    assert sign(*both) == "*"


def test_mixed_features_are_stale_for_each_and_the_other_way_round() -> None:
    # `audio.channels` is part of the config_id.
    assert sign(row(config_id="mix")) == "*"
    assert sign(channel(0, config_id="each"), channel(1, config_id="each")) == "*"


def test_what_is_to_do_is_new_and_stale_and_sorted_as_the_items_are() -> None:
    items = tuple(Item(name, f"in/{name}.wav", 100, 7) for name in "abcd")
    found = plan(row("d", source_size=1), row("b"), row("z"), items=items)
    assert found.signs == {"a": "+", "b": "=", "c": "+", "d": "*", "z": "-"}
    assert [item.id for item in found.to_do] == ["a", "c", "d"]
    assert found.counts == {"+": 2, "=": 1, "*": 1, "-": 1}


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_rows_may_come_in_any_order(order: tuple[int, ...]) -> None:
    """A channel's row is behind those of other items, and somebody may have edited the manifest."""
    items = tuple(Item(name, f"in/{name}.wav", 100, 7) for name in ("a", "a-b", "b"))
    rows = [channel(0), row("a-b"), channel(1)]
    found = plan(*(rows[number] for number in order), row("c", config_id="another"), items=items)
    assert found.signs == {"a": "=", "a-b": "=", "b": "+", "c": "-"}
    assert found.ids == ["a", "a-b", "b", "c"]
    assert found.other_config == ["c"]


# Parts of recordings.


def part(item_id: str, source: str = "in/a.wav", bounds: str = '"start_s":1.0', columns: str = "") -> Item:
    return Item(item_id, source, 100, 7, bounds, columns)


def row_of_part(item_id: str, start_s: float | None = 1.0, **changes: Any) -> Row:
    return row(item_id, start_s=start_s, **changes)


@pytest.mark.parametrize(
    "changes, expected",
    [
        ({}, "="),
        ({"start_s": 1.5}, "*"),
        ({"start_s": None}, "*"),
        ({"end_s": 2.0}, "*"),
        ({"rounding": "truncate"}, "*"),
        ({"source_channel": 0}, "*"),
        ({"is_command": True}, "*"),
        ({"columns": {"x": 1}}, "="),
        ({"source": "moved/a.wav"}, "="),
    ],
)
def test_a_part_is_done_if_its_bounds_are_the_same(changes: dict[str, Any], expected: str) -> None:
    assert plan(row_of_part("a", **changes), items=(part("a"),)).signs == {"a": expected}


def test_a_whole_file_is_stale_if_its_row_is_that_of_a_part() -> None:
    assert sign(row_of_part("a")) == "*"


@pytest.mark.parametrize("source, expected", [("cat a.wav", "="), ("cat b.wav", "*")])
def test_a_command_is_done_if_its_text_is_the_same(source: str, expected: str) -> None:
    item = Item("a", "cat a.wav", -1, 0, '"is_command":true')
    command = row(source=source, source_size=-1, source_mtime_ns=0, is_command=True)
    for checksum in (False, True):
        assert plan(command, items=(item,), checksum=checksum).signs == {"a": expected}


def chunk(number: int, of: int = 2, channel: int | None = None, **changes: Any) -> Row:
    suffix = "" if channel is None else f".ch{channel}"
    return row(f"a.{number:05d}{suffix}", chunk=number, num_chunks=of, channel=channel, source_channels=2, **changes)


def test_chunks_are_done_only_together() -> None:
    assert sign(chunk(0), chunk(1)) == "="
    assert sign(chunk(0)) == "+"
    assert sign(chunk(0, of=3), chunk(1, of=3)) == "+"
    assert sign(chunk(0), chunk(1), lost=("a.00001",)) == "*"
    assert sign(chunk(0), chunk(1, source_size=99)) == "*"
    channels = [chunk(number, channel=channel) for number in (0, 1) for channel in (0, 1)]
    assert sign(*channels) == "="
    for missing in range(4):
        assert sign(*channels[:missing], *channels[missing + 1 :]) == "+"


def test_content_is_hashed_once_for_the_parts_of_a_recording() -> None:
    hashed: list[str] = []

    def hash_content(path: str) -> str:
        hashed.append(path)
        return "sha256:x"

    items = [part(f"p{number}", f"in/{number % 2}.wav") for number in range(50)]
    rows = [row_of_part(item.id, source=item.source, source_hash="sha256:x", source_mtime_ns=1) for item in items]
    with Scratch() as scratch:
        made = make_plan(
            ItemTable([list(map(item_values, sorted(items)))], scratch),
            lambda find_unchanged: (entry_of(row.to_json().encode()) for row in rows),
            config_id=CONFIG,
            stored=cast(StoredFiles, Stored()),
            rerun=Rerun(checksum=True),
            hash_content=hash_content,
            conditions_differ=CONDITIONS.differ,
        )
        assert set(dict(made.signs()).values()) == {"="}
    assert sorted(hashed) == ["in/0.wav", "in/1.wav"]
