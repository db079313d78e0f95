"""Rows that are copied unread: in a manifest's order, from a file that may be gone, in little room."""

import json
import tracemalloc

import pytest

from melcli.store.lines import Line, Lines, item_of
from tests.store.rows import ODD_IDS, make_row


@pytest.fixture
def planted(tmp_path):
    """Return a function that writes rows one after another and notes where they lie."""

    def plant(rows, between=b"\n"):
        path = tmp_path / "rows"
        lines = Lines()
        texts = [row.to_json().encode() for row in rows]
        path.write_bytes(between.join(texts))
        with path.open("rb") as file:
            lines.open(file)
        start = 0
        for text in texts:
            lines.add(json.loads(text), start, len(text))
            start += len(text) + len(between)
        path.unlink()  # as a run does with its journal
        return lines

    return plant


def failed(item_id):
    return make_row(item_id, status="failed", reason="empty", message="no sample")


def channel(item_id, number):
    return make_row(f"{item_id}.ch{number}", channel=number)


def test_rows_are_copied_in_the_order_of_a_manifest_from_a_file_that_is_gone(planted):
    rows = [failed("x.ch0"), channel("x", 0), *map(make_row, ODD_IDS), channel("x", 1)]
    lines = planted(rows, between=b"\xff\n")
    wanted = [Line(row.id, row.item_id, row.status, row.to_json()) for row in rows]
    assert list(lines.in_order(range(len(lines)))) == sorted(wanted)
    assert [line.text for line in lines.in_order([2, 0])] == sorted([rows[2].to_json(), rows[0].to_json()])
    assert lines.item_ids == [row.item_id for row in rows]


def test_the_item_of_a_row():
    assert item_of("a.ch1", None) == "a.ch1"
    assert item_of("a.ch1", 1) == "a"
    assert item_of("a.ch1.ch1", 1) == "a.ch1"
    assert item_of("a.ch1", 0) == "a.ch1"


@pytest.mark.parametrize(
    "rows, first",
    [
        ([make_row("a")], 0),
        ([make_row("a"), make_row("a")], 1),
        ([channel("a", 0), channel("a", 1)], 0),
        ([channel("a", 0), channel("a", 1), channel("a", 0)], 2),
        ([channel("a", 0), channel("a", 0), channel("a", 1)], 1),
        ([make_row("a"), channel("a", 0), channel("a", 1)], 1),
        ([channel("a", 0), failed("a")], 1),
        ([failed("a"), channel("a", 0)], 1),
        ([channel("a", 0), make_row("b"), channel("a", 1)], 2),
    ],
)
def test_of_an_input_only_its_last_time_counts(planted, rows, first):
    assert planted([make_row("b"), *rows]).newest()["a"] == first + 1


@pytest.mark.parametrize("plain", [{}, [], 7, {"id": "a", "channel": None}, {"id": 1, "channel": 0, "status": "ok"}])
def test_what_is_no_row_is_not_noted(plain):
    lines = Lines()
    with pytest.raises((KeyError, TypeError, AttributeError)):
        lines.add(plain, 0, 1)
    assert len(lines) == 0


def test_a_row_takes_little_room(planted):
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        lines = planted(make_row(f"speaker/chapter/{number:06d}") for number in range(2_000))
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(lines) == 2_000
    assert (kept - before) / 2_000 < 200  # bytes; 120 are its id
