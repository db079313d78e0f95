"""OUT's books are read as far as they can be, and everything that is wrong in them is named."""

import json
import os

import pytest

from melcli.errors import StorageError
from melcli.store.damage import Damage
from melcli.store.journal import Journal
from melcli.store.manifest import write_manifest
from melcli.store.recovery import read_records
from tests.store.rows import ODD_IDS, make_row, read_manifest


def ok_row(row_id="a", **known):
    """Return a row as a run writes it."""
    where = {"path": f"{row_id}.npy", "output_size": 1, "num_frames": 1, "num_features": 2, "dtype": "float32"}
    return make_row(row_id, **{**where, "crc32": "0" * 8, "min": 0.0, "max": 1.0, "mean": 0.5, **known})


def failed_row(row_id):
    return make_row(row_id, status="failed", reason="empty", message="it is empty")


@pytest.fixture
def out(tmp_path):
    os.makedirs(tmp_path / "out" / ".melcli")
    return str(tmp_path / "out")


def lines(out, name="manifest.jsonl"):
    with open(f"{out}/{name}", "rb") as file:
        return file.read().splitlines(keepends=True)


def rewrite(out, lines, name="manifest.jsonl"):
    with open(f"{out}/{name}", "wb") as file:
        file.writelines(lines)


def ids(books):
    return [books.row(ref).id for ref in books.refs()]


def test_whole_books_have_nothing_wrong(out, scratch):
    write_manifest(out, [*map(ok_row, ODD_IDS), failed_row("z")])
    books = read_records(out, scratch)
    assert books.damages == []
    assert sorted(ids(books)) == sorted([*ODD_IDS, "z"])


@pytest.mark.parametrize(
    "line, words",
    [
        (b"{\n", "it is not a row"),
        (b"\n", "it is not a row"),
        (b"[1]\n", "it is not a JSON object"),
        (b"\xff\xfe\n", "it is not a row"),
        (b"[" * 100_000 + b"\n", "it is not a row"),
        (b'{"id": 1}\n', "its status is null"),
        (b'{"status": "ok", "id": 1}\n', "its source is missing"),
        (b'{"status": "failed", "id": "a", "source": 1}\n', "its source_size is missing"),
    ],
    ids=lambda value: str(value)[:12],
)
def test_a_line_that_is_no_row_is_named_and_the_rest_is_read(out, line, words, scratch):
    write_manifest(out, [ok_row("a"), ok_row("b")])
    first, second = lines(out)
    rewrite(out, [first, line, second])
    books = read_records(out, scratch)
    (damage,) = books.damages
    assert (damage.kind, damage.path, damage.id) == ("manifest", "manifest.jsonl", None)
    assert damage.message.startswith(f"line 2: {words}")
    assert ids(books) == ["a", "b"]


@pytest.mark.parametrize(
    "known",
    [
        {"path": "/etc/passwd.npy"},
        {"path": "../a.npy"},
        {"path": "b.npy"},
        {"path": "features-00000.h5"},
        {"path": "features-00000.h5", "start": -1},
        {"start": 3},
        {"num_frames": -1},
        {"num_frames": True},
        {"valid_frames": 2},
        {"valid_frames": -1},
        {"valid_frames": True},
        {"valid_frames": "1"},
        {"output_size": "1"},
        {"clipped_fraction": 1.5},
        {"clipped_fraction": -0.1},
        {"peak": "1"},
        {"rms_db": float("-inf")},
        {"dtype": "object"},
        {"crc32": "0"},
        {"min": float("nan")},
        {"mean": 10**400},
        {"channel": "0"},
        {"status": "fine"},
        {"flags": None},
    ],
    ids=str,
)
def test_a_row_that_no_run_writes_is_no_row(out, known, scratch):
    write_manifest(out, [ok_row("a")])
    plain = json.loads(lines(out)[0]) | known
    rewrite(out, [json.dumps(plain).encode() + b"\n"])
    books = read_records(out, scratch)
    assert [damage.kind for damage in books.damages] == ["manifest"]
    assert ids(books) == []


def test_an_id_that_leads_out_is_no_row(out, scratch):
    write_manifest(out, [ok_row("../a")])
    assert [damage.kind for damage in read_records(out, scratch).damages] == ["manifest"]


def test_a_row_of_a_shard_is_one(out, scratch):
    write_manifest(out, [ok_row("a", path="features-00000.h5", start=0)])
    assert read_records(out, scratch).damages == []


def test_lines_out_of_order_are_named_and_their_rows_are_read(out, scratch):
    write_manifest(out, map(ok_row, "abc"))
    rewrite(out, lines(out)[::-1])
    books = read_records(out, scratch)
    assert [damage.message[:6] for damage in books.damages] == ["line 2", "line 3"]
    assert sorted(ids(books)) == ["a", "b", "c"]


@pytest.mark.parametrize("order", [(0, 1, 1, 2), (0, 1, 2, 0), (2, 1, 0, 1)])
def test_a_row_that_stands_twice_counts_not_at_all(out, order, scratch):
    write_manifest(out, map(ok_row, "abc"))
    there = lines(out)
    rewrite(out, [there[number] for number in order])
    books = read_records(out, scratch)
    twice = next(letter for letter in "abc" if [*order].count("abc".index(letter)) == 2)
    assert {damage.item_id for damage in books.damages} - {None} == {twice}
    assert sorted(ids(books)) == sorted({*"abc"} - {twice})


@pytest.mark.parametrize("damage", ["missing", "cut", "other"])
def test_a_list_of_failures_that_is_another_is_named(out, damage, scratch):
    write_manifest(out, [failed_row("a"), ok_row("b"), failed_row("c")])
    if damage == "missing":
        os.unlink(f"{out}/failures.jsonl")
    else:
        there = lines(out, "failures.jsonl")
        rewrite(out, there[:1] if damage == "cut" else there[::-1], "failures.jsonl")
    assert [found.kind for found in read_records(out, scratch).damages] == ["failures"]


def test_the_journal_stands_over_the_manifest(out, scratch):
    write_manifest(out, [ok_row("a"), ok_row("b")])
    with Journal(out) as journal:
        journal.add(rows=[ok_row("b", min=-1.0), ok_row("c")])
    books = read_records(out, scratch)
    assert books.damages == []
    assert [(row.id, row.min) for row in map(books.row, books.refs())] == [("a", 0.0), ("b", -1.0), ("c", 0.0)]


def test_a_manifest_that_is_a_named_pipe_is_not_waited_for(out, scratch):
    os.mkfifo(f"{out}/manifest.jsonl")
    (damage,) = read_records(out, scratch).damages
    assert damage.message == "it is a named pipe, not a regular file"


def test_a_manifest_that_cannot_be_read_is_not_taken_for_an_empty_one(out, monkeypatch, scratch):
    write_manifest(out, [ok_row("a")])

    def refuse(path, flags=0):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("melcli.store.recovery.regular_nofollow", refuse)
    with pytest.raises(StorageError, match=rf"^cannot read {out}/manifest\.jsonl: Permission denied$"):
        read_records(out, scratch)


def test_mending_writes_what_is_left_in_order(out, scratch):
    write_manifest(out, [ok_row("a"), ok_row("b"), failed_row("c"), ok_row("d"), ok_row("e")])
    a, _, c, d, e = lines(out)
    rewrite(out, [e, b"damaged\n", c, d, d, a])
    with Journal(out) as journal:
        journal.add(rows=[ok_row("f")])
    read_records(out, scratch).repair({"a": Damage(kind="checksum", path="a.npy", message="its numbers are others")})
    assert [(row.id, row.reason) for row in read_manifest(out)][::2] == [("a", "damaged"), ("e", None)]
    assert [row.id for row in read_manifest(out)] == ["a", "c", "e", "f"]
    assert lines(out, "failures.jsonl")[1:] == [c]
    assert not os.path.exists(f"{out}/.melcli/journal.jsonl")
    assert read_records(out, scratch).damages == []


@pytest.mark.parametrize(
    "field, value",
    [
        ("num_frames", 10**400),
        ("source_size", 10**400),
        ("source_mtime_ns", -(10**30)),
        ("channel", 1 << 31),
        ("channel", -(1 << 70)),
    ],
)
def test_numbers_that_no_machine_has_are_no_row(out, field, value, scratch):
    write_manifest(out, [ok_row("a")])
    plain = {**json.loads(lines(out)[0]), field: value}
    rewrite(out, [json.dumps(plain).encode() + b"\n"])
    (damage,) = [damage for damage in read_records(out, scratch).damages if damage.kind == "manifest"]
    assert damage.message == f"line 1: its {field} is {str(value)[:80]}"


@pytest.mark.parametrize(
    "change",
    [lambda line: line.replace(b'"channel":null,', b""), lambda line: line.replace(b'"min":null', b'"min":-81e4000')],
)
def test_a_row_that_could_not_be_written_again_is_none(out, change, scratch):
    write_manifest(out, [failed_row("a")])
    line = lines(out)[0]
    assert change(line) != line
    rewrite(out, [change(line)])
    assert [damage.kind for damage in read_records(out, scratch).damages] == ["manifest"]


def test_an_id_with_a_nul_is_no_row(out, scratch):
    write_manifest(out, [ok_row("a")])
    plain = {**json.loads(lines(out)[0]), "id": "a\0b", "path": "a\0b.npy"}
    rewrite(out, [json.dumps(plain).encode() + b"\n"])
    assert 'its id is "a\\u0000b"' in read_records(out, scratch).damages[0].message
