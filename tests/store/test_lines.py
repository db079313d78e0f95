"""Rows that are copied unread: in a manifest's order, from a file that may be gone, in little room."""

import tracemalloc

import pytest

from melcli.store.lines import Lines, item_of
from tests.store.rows import ODD_IDS, make_row


@pytest.fixture
def planted(tmp_path, scratch):
    """Return a function that writes rows one after another and notes where they lie."""

    def plant(rows, between=b"\n"):
        path = tmp_path / "rows"
        lines = Lines(scratch)
        texts = [row.to_json().encode() for row in rows]
        path.write_bytes(between.join(texts))
        with path.open("rb") as file:
            lines.open(file)
        start = 0
        for row, text in zip(rows, texts, strict=True):
            lines.add(row, start, len(text))
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
    wanted = [row.to_line() for row in rows]
    assert list(lines.in_order()) == sorted(wanted, key=lambda line: (line.id, line.item_id))
    assert [item_id for _, item_id in lines.numbers()] == [line.item_id for line in wanted]
    assert lines.text(2) == rows[2].to_json().encode()


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
    lines = planted([make_row("b"), *rows])
    newest = [number for number, item_id in lines.numbers(newest=True) if item_id == b"a"]
    assert newest[0] == first + 1
    assert [line.id for line in lines.in_order(newest=True)] == sorted(
        {line.id for line in lines.in_order(newest=True)}
    )
    assert lines.lookup().find(b"a")
    assert not lines.lookup().find(b"a.ch0")


def test_rows_that_are_there_twice_are_found(planted):
    rows = [make_row("a"), make_row("b"), channel("a", 0), make_row("a.ch0"), make_row("a"), failed("b")]
    assert list(planted(rows).duplicates()) == [(0, b"a", b"a"), (1, b"b", b"b"), (4, b"a", b"a"), (5, b"b", b"b")]


def test_a_row_takes_no_room(planted):
    rows = [make_row(f"speaker/chapter/{number:06d}") for number in range(2_000)]
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        lines = planted(rows)
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(lines) == 2_000
    assert (kept - before) / 2_000 < 100  # bytes; 512 rows wait to be inserted
