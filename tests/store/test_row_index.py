"""The index of a manifest: any row by its id, also after a pickle or a rewrite, in little room."""

import json
import os
import pickle
import tracemalloc

import pytest

from melcli.byte_order import ids_in_order
from melcli.errors import StorageError
from melcli.store.manifest import write_manifest
from melcli.store.row_index import read_index
from tests.store.rows import ODD_IDS, make_row


def lines(out):
    with open(f"{out}/manifest.jsonl", "rb") as file:
        return file.read().splitlines(keepends=True)


def rewrite(out, parts):
    with open(f"{out}/manifest.jsonl", "wb") as file:
        file.write(b"".join(parts))


@pytest.fixture
def odd(tmp_path):
    rows = [*map(make_row, ODD_IDS), make_row("failed", status="failed", reason="empty", message="no sample")]
    write_manifest(str(tmp_path), rows)
    return tmp_path


def test_every_ok_row_is_found_by_its_id(odd):
    index = read_index(str(odd))
    assert list(index) == ids_in_order(ODD_IDS)
    assert {row_id: index[row_id] for row_id in index} == {row_id: make_row(row_id) for row_id in ODD_IDS}
    for missing in ("failed", "", "zz", 7):
        assert missing not in index
        with pytest.raises((KeyError, AttributeError)):
            index[missing]


def test_lines_that_melcli_would_not_write_are_read_too(odd):
    spaced = [json.dumps(json.loads(line)).encode() + b"\n" for line in lines(odd)]
    rewrite(odd, spaced)
    assert dict(read_index(str(odd))) == {row_id: make_row(row_id) for row_id in ODD_IDS}


def test_a_line_that_is_no_row_is_named(odd):
    rewrite(odd, [*lines(odd)[:3], b"x" + lines(odd)[3]])
    with pytest.raises(StorageError, match=r"manifest\.jsonl:4: not a row of a manifest"):
        read_index(str(odd))


def test_a_row_in_the_middle_of_a_line_is_none(tmp_path):
    write_manifest(str(tmp_path), [make_row("a")])
    (line,) = lines(tmp_path)
    rewrite(tmp_path, [b'{"id":"x', line])
    with pytest.raises(StorageError, match=r"manifest\.jsonl:1: not a row of a manifest"):
        read_index(str(tmp_path))


def test_of_rows_in_any_order_that_are_there_twice_the_last_is_given(tmp_path):
    write_manifest(str(tmp_path), [make_row("a"), make_row("b"), make_row("c")])
    first, second, third = lines(tmp_path)
    rewrite(tmp_path, [third, first, second, first.replace(b'"source_size":1', b'"source_size":7').rstrip(b"\n")])
    index = read_index(str(tmp_path))
    assert (list(index), index["a"].source_size, index.doubled) == (["a", "b", "c"], 7, {"a"})


def test_the_rows_of_one_config_can_be_taken(tmp_path):
    write_manifest(str(tmp_path), [make_row(name, config_id=name.upper()) for name in "aba"[:2]] + [make_row("c")])
    index = read_index(str(tmp_path))
    assert index.config_ids == ["A", "B", "0" * 16]
    index.keep_config("B")
    assert [index[row_id].config_id for row_id in index] == ["B"]
    index.keep_config(None)
    assert len(index) == 0


def test_a_manifest_that_is_replaced_is_still_read_and_pickled_it_is_refused(odd):
    index = read_index(str(odd))
    copy = pickle.dumps(index)
    assert pickle.loads(copy)["a"] == make_row("a")
    write_manifest(str(odd), [make_row("b")])
    assert index["a"] == make_row("a")
    with pytest.raises(StorageError, match=r"manifest\.jsonl was replaced since it was opened; open the features"):
        pickle.loads(copy)


def test_a_manifest_that_is_overwritten_in_place_is_an_error_and_no_other_row(odd):
    index = read_index(str(odd))
    rewrite(odd, [b"x" * os.path.getsize(odd / "manifest.jsonl")])
    with pytest.raises(StorageError, match=r"the row of 'a' is damaged"):
        index["a"]


@pytest.mark.parametrize(
    "old, new",
    [
        (b'"output_size":132', b'"output_size":"x"'),
        (b'"reason":null', b'"reason":nope'),
        (b'"crc32":', b'"id":"c","crc32":'),
        (b'"path":', b'"path"'),
    ],
)
def test_damage_inside_of_a_row_is_found_when_it_is_asked_for(tmp_path, old, new):
    """And not for another row's; what does not begin and end like a row is refused at once."""
    lines = [f"{make_row(row_id).to_json()}\n".encode() for row_id in "abc"]
    assert lines[1].count(old) == 1
    rewrite(tmp_path, [lines[0], lines[1].replace(old, new), lines[2]])
    index = read_index(str(tmp_path))
    assert index["a"] == make_row("a")
    assert index["c"] == make_row("c")
    with pytest.raises(StorageError, match=r"the row of 'b' is damaged"):
        index["b"]
    rewrite(tmp_path, [lines[0], lines[1][:-2] + b"\n", lines[2]])
    with pytest.raises(StorageError, match=r"manifest\.jsonl:2: not a row of a manifest"):
        read_index(str(tmp_path))


def test_a_row_takes_60_bytes(tmp_path):
    write_manifest(str(tmp_path), [make_row(f"speaker/chapter/{number:06d}") for number in range(5_000)])
    read_index(str(tmp_path))
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        index = read_index(str(tmp_path))
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(index) == 5_000
    assert (kept - before) / 5_000 < 60
