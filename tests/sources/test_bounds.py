"""Bounds: their text, which a plan compares, and the samples that they select."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from melcli.sources.bounds import WHOLE_SOURCE, Bounds
from melcli.store.entries import entry_of
from melcli.store.rows import BOUNDS_FIELDS, read_row
from tests.store.rows import make_row

SECONDS = st.one_of(st.none(), st.floats(0, 1e6), st.floats(0, 1e300), st.integers(0, 10**6).map(float))
BOUNDS = st.builds(
    Bounds,
    start_s=SECONDS,
    end_s=SECONDS,
    length_s=SECONDS,
    rounding=st.sampled_from([None, "nearest", "truncate"]),
    source_channel=st.one_of(st.none(), st.integers(0, 300)),
    is_command=st.sampled_from([None, True]),
)


def test_fields_are_those_of_rows() -> None:
    assert Bounds._fields == BOUNDS_FIELDS


@given(BOUNDS)
def test_text_of_a_row_is_that_of_its_item(bounds: Bounds) -> None:
    text = bounds.to_json()
    assert Bounds.of_json(text) == bounds
    line = make_row("a", **bounds._asdict()).to_json().encode()
    assert entry_of(line).bounds == text
    assert Bounds.of_fields(read_row(line)) == bounds
    spaced = json.dumps(json.loads(line)).encode()  # a line that melcli does not write is parsed as JSON
    assert entry_of(spaced).bounds == text


def test_whole_source_has_no_text() -> None:
    assert WHOLE_SOURCE.to_json() == ""
    assert Bounds.of_json("") == WHOLE_SOURCE
    assert WHOLE_SOURCE.samples(16_000) == (0, None)


@pytest.mark.parametrize(
    ("bounds", "rate_hz", "samples"),
    [
        (Bounds(start_s=1.0, end_s=2.5), 16_000, (16_000, 40_000)),
        (Bounds(end_s=2.5), 8_000, (0, 20_000)),
        (Bounds(start_s=0.5), 8_000, (4_000, None)),
        # Half up, so that neighbors share an edge; Python's round would give 2 and 4.
        (Bounds(start_s=2.5 / 8_000, end_s=3.5 / 8_000), 8_000, (3, 4)),
        (Bounds(start_s=2.9 / 8_000, end_s=3.9 / 8_000, rounding="truncate"), 8_000, (2, 3)),
        # NeMo: the length is truncated, and not the end.
        (Bounds(start_s=2.9 / 8_000, end_s=6.8 / 8_000, length_s=3.9 / 8_000, rounding="truncate"), 8_000, (2, 5)),
        # Kaldi: int(start * rate), in doubles.
        (Bounds(start_s=0.29, end_s=0.57, rounding="truncate"), 100, (int(0.29 * 100), int(0.57 * 100))),
    ],
)
def test_seconds_become_samples(bounds: Bounds, rate_hz: int, samples: tuple[int, int | None]) -> None:
    assert bounds.samples(rate_hz) == samples


@given(BOUNDS, st.integers(1, 768_000))
def test_any_number_of_a_table_becomes_samples(bounds: Bounds, rate_hz: int) -> None:
    first, end = bounds.samples(rate_hz)
    assert first >= 0
    assert end is None or end >= 0


@pytest.mark.parametrize(
    ("bounds", "duration_s"),
    [
        (Bounds(), None),
        (Bounds(start_s=3.0), None),
        (Bounds(end_s=3.0), 3.0),
        (Bounds(start_s=1.0, end_s=3.0), 2.0),
        (Bounds(start_s=1.0, end_s=3.0, length_s=1.5), 1.5),
    ],
)
def test_duration(bounds: Bounds, duration_s: float | None) -> None:
    assert bounds.duration_s == duration_s
