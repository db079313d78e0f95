"""Entries: the quick way to read a line of a manifest gives what the JSON decoder gives, or nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from melcli.byte_order import byte_order
from melcli.store.entries import Entry, _checked_entry, _find_plain, _quick_entry, entry_of
from melcli.store.rows import JSON_DECODER, LEVELS, ROW_FIELDS
from tests.store.rows import ODD_IDS, make_row
from tests.tiers import examples

ERRORS = (ValueError, TypeError, KeyError, OverflowError, RecursionError)
KNOWN = {
    "source_hash": "sha256:0",
    "format": "wav/pcm_16",
    "decoding": 1,
    "source_channels": 2,
    "num_samples": 8000,
    "duration": 0.5,
    "flags": ("cut", "silent"),
    "stderr": 'said "so"',
}


def plain_entry(text: bytes) -> tuple[Any, ...] | type[Exception]:
    try:
        return _checked_entry(text)
    except ERRORS as error:
        return type(error)


def check(text: bytes) -> Entry | None:
    """Hold the quick way against the other one; return what it gave."""
    try:
        quick = _quick_entry(text)
    except ERRORS:
        assert isinstance(plain_entry(text), type)
        return None
    if quick is not None:
        assert quick == plain_entry(text)
        assert list(map(type, quick)) == list(map(type, _checked_entry(text)))
    return quick


@pytest.mark.parametrize("item_id", ODD_IDS)
@pytest.mark.parametrize(
    "known", [{}, KNOWN, {"status": "failed", "reason": "timeout", "message": "slow", "tried_with": "x"}]
)
def test_every_row_that_melcli_writes_is_read_alike(item_id: str, known: dict[str, Any]) -> None:
    row = make_row(item_id, **known)
    entry = entry_of(row.to_json().encode())
    check(entry.text)
    assert entry == _checked_entry(entry.text)
    assert (entry.id, entry.item_id, entry.key) == (row.id, row.item_id, byte_order(row.item_id))
    assert entry.to_line() == row.to_line()


@pytest.mark.parametrize("known", [{}, {key: value for key, value in KNOWN.items() if key != "stderr"}])
@pytest.mark.parametrize("item_id", ["a", "naïve Ωμέγα/音声", "\udcff", "back\\slash", "a.ch1"])
def test_usual_rows_are_read_quickly(item_id: str, known: dict[str, Any]) -> None:
    channel = 1 if item_id.endswith(".ch1") else None
    assert check(make_row(item_id, channel=channel, **known).to_json().encode()) is not None
    failed = make_row(item_id, channel=channel, status="failed", reason="empty", message="no sample", **known)
    assert check(failed.to_json().encode()) is not None


@pytest.mark.parametrize("known", [{}, {"status": "failed", "reason": "timeout", "message": "slow", "tried_with": "x"}])
def test_rows_that_an_earlier_version_wrote_without_levels_are_read_quickly(known: dict[str, Any]) -> None:
    plain = json.loads(make_row(**known).to_json())
    text = json.dumps({name: value for name, value in plain.items() if name not in LEVELS}, separators=(",", ":"))
    assert check(text.encode()) is not None
    assert len(_find_plain()(text.encode())) == 1


# What JSON is in two ways, what is none, and what a field may not be.
WORDS = [
    "null",
    "true",
    "0",
    "-0",
    "01",
    "1e5",
    "1E+400",
    "1.",
    ".5",
    "-1.5e-3",
    "NaN",
    "9" * 30,
    "9" * 5000,
    '""',
    "[]",
]
WORDS += [
    '"a"',
    r'"\u00e9"',
    r'"\udcff"',
    r'"\q"',
    '"\\"',
    '"a',
    '["cut"]',
    '["a","b"]',
    '["\\n"]',
    "{}",
    '"\x1f"',
    '"é"',
    " 1",
]
PLAIN = json.loads(make_row("a", **KNOWN).to_json())
NAMES = list(ROW_FIELDS)


def line_of(changes: dict[str, str]) -> bytes:
    told = {name: json.dumps(value) for name, value in PLAIN.items()} | changes
    return ("{" + ",".join(f'"{name}":{value}' for name, value in told.items()) + "}").encode()


@pytest.mark.full
@given(st.dictionaries(st.sampled_from(NAMES), st.sampled_from(WORDS), max_size=3))
@settings(max_examples=examples(1_000))
def test_fields_of_any_kind_are_read_alike(changes: dict[str, str]) -> None:
    check(line_of(changes))


@given(
    st.integers(0, 2_000),
    st.integers(0, 5),
    st.sampled_from([b"", b'"', b"\\", b",", b"\n", b"\xff", b"}", b'","source":"']),
)
@settings(max_examples=examples(2_000))
def test_damaged_lines_are_read_alike(place: int, length: int, instead: bytes) -> None:
    text = make_row("speaker/\u00e9 x", **KNOWN).to_json().encode()
    check(text[:place] + instead + text[place + length :])


@pytest.mark.full
@given(st.text(max_size=8), st.text(max_size=8))
def test_any_names_are_read_alike(item_id: str, source: str) -> None:
    check(make_row(item_id, source=source).to_json().encode())


def test_the_order_and_number_of_keys_is_that_of_melcli() -> None:
    text = make_row("a").to_json()
    twice = text[:-1] + ',"id":"b"}'
    assert check(twice.encode()) is None
    assert entry_of(twice.encode()).id == "b"
    assert check(json.dumps(JSON_DECODER.decode(text)).encode()) is None
    assert entry_of(json.dumps(JSON_DECODER.decode(text), sort_keys=True).encode()).id == "a"
