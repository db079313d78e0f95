"""The manifest: the same rows give the same bytes, and nothing that is not a row passes for one."""

import copy
import json
import os
import pickle
from dataclasses import fields, replace
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from melcli.errors import REASONS, Reason, StorageError
from melcli.store import files
from melcli.store.manifest import write_manifest
from melcli.store.rows import LEVELS, ROW_FIELDS, FailedRow, OkRow, row_of
from tests.store.rows import ODD_IDS, make_row, read_manifest
from tests.tiers import examples

KEYS = (  # DESIGN.md section 5, and channel, output_size and stderr
    "id source status reason message source_size source_mtime_ns source_hash format decoding "
    "source_sampling_rate source_channels channel num_samples sampling_rate num_frames valid_frames num_features "
    "frame_shift duration dtype path start output_size crc32 min max mean "
    "peak rms_db clipped_fraction dc_offset flags stderr config_id"
)
OPTIONAL = (
    " start_s end_s length_s rounding source_channel is_command columns chunk num_chunks chunk_start_s tried_with"
)

FULL = OkRow(
    id="a/b.ch1",
    source="in/a/b.wav",
    source_size=32_044,
    source_mtime_ns=1_700_000_000_987_654_321,
    source_hash="sha256:" + "0f" * 32,
    format="wav/pcm_16",
    decoding=3,
    source_sampling_rate=44_100,
    source_channels=2,
    channel=1,
    num_samples=16_000,
    sampling_rate=16_000,
    num_frames=32,
    valid_frames=30,
    num_features=128,
    frame_shift=0.032,
    duration=1.0,
    dtype="float32",
    path="features-00003.h5",
    start=7,
    output_size=123_456,
    crc32="00c0ffee",
    min=-80.0,
    max=0.1 + 0.2,
    mean=-1e-300,
    peak=0.999969482421875,
    rms_db=-23.125,
    clipped_fraction=1.5e-05,
    dc_offset=-1e-08,
    flags=("clipped", "silent"),
    stderr="[layer3.c:1201] warning: missing bits / note: 3",
    config_id="0123456789abcdef",
)
FAILED = make_row("c", status="failed", reason="truncated", message="c.wav: 3 of 9 samples")

texts = st.text(st.characters(), max_size=20)
numbers = st.floats(allow_nan=False, allow_infinity=False)
counts = st.integers(0, 2**63)
of_all = {
    "id": texts,
    "source": texts,
    "source_size": st.integers(-1, 2**63),
    "source_mtime_ns": st.integers(-1, 2**63),
    "flags": st.lists(texts, max_size=3).map(tuple),
    "config_id": texts,
}
rows = st.builds(
    OkRow,
    **of_all,
    num_frames=counts,
    valid_frames=st.none() | counts,
    num_features=counts,
    dtype=texts,
    path=texts,
    start=st.none() | counts,
    output_size=counts,
    crc32=texts,
    min=numbers,
    max=numbers,
    mean=numbers,
    peak=st.none() | numbers,
    rms_db=st.none() | numbers,
    clipped_fraction=st.none() | numbers,
    dc_offset=st.none() | numbers,
) | st.builds(FailedRow, **of_all, reason=st.sampled_from(REASONS), message=texts, tried_with=st.none() | texts)


def read(folder, name="manifest.jsonl"):
    return (folder / name).read_bytes()


# rows


def test_a_row_is_one_line_of_json_with_every_key_in_its_place():
    line = FULL.to_json()
    assert " ".join(json.loads(line)) == KEYS
    assert " ".join(ROW_FIELDS) == KEYS + OPTIONAL
    assert line.startswith('{"id":"a/b.ch1","source":"in/a/b.wav","status":"ok","reason":null,"message":null,')
    assert line.isascii()
    assert line.isprintable()


def test_the_order_of_the_fields_names_each_once():
    of_both = {field.name for kind in (OkRow, FailedRow) for field in fields(kind)}
    assert sorted(ROW_FIELDS) == sorted(of_both | {"status"})


def test_reasons_are_the_closed_list_of_the_contract():
    listed = "unreadable unsupported_format empty truncated too_short too_long nonfinite bad_rate decoder_crash "
    assert " ".join(REASONS) == listed + "out_of_memory timeout vanished internal damaged"
    assert get_args(Reason) == REASONS


@given(rows)
def test_a_row_comes_back_as_it_was(row):
    line = row.to_json()
    assert len(line.splitlines()) == 1
    assert row_of(json.loads(line)) == row


def test_a_full_row_comes_back_as_it_was():
    assert row_of(json.loads(FULL.to_json())) == FULL


@given(rows)
def test_a_row_survives_the_way_from_worker_to_driver(row):
    assert pickle.loads(pickle.dumps(row)) == row
    assert copy.copy(row) == row


def test_a_key_that_an_earlier_version_did_not_write_has_its_default():
    plain = json.loads(FULL.to_json())
    del plain["start"], plain["source_hash"], plain["valid_frames"]
    assert row_of(plain) == replace(FULL, start=None, source_hash=None, valid_frames=None)


def test_a_row_without_levels_is_read():
    plain = json.loads(FULL.to_json())
    for name in LEVELS:
        del plain[name]
    assert row_of(plain) == replace(FULL, **dict.fromkeys(LEVELS))


def test_what_a_failure_was_tried_with_is_written_only_where_it_is_known():
    row = make_row("c", status="failed", reason="timeout", message="c.wav: hangs", tried_with="melcli=1")
    assert " ".join(json.loads(row.to_json())) == f"{KEYS} tried_with"
    assert row.to_json() == replace(row, tried_with=None).to_json()[:-1] + ',"tried_with":"melcli=1"}'
    assert row_of(json.loads(row.to_json())) == row
    assert row_of({**json.loads(FAILED.to_json()), "tried_with": None}) == FAILED


def test_keys_of_later_versions_are_passed_over():
    assert row_of({**json.loads(FULL.to_json()), "loudness": -23.0}) == FULL


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
def test_what_json_cannot_hold_is_never_written(number):
    with pytest.raises(ValueError, match="JSON compliant"):
        replace(FULL, mean=number).to_json()


def test_the_item_of_a_row_is_its_id_without_the_channel():
    assert FULL.item_id == "a/b"
    assert make_row("a.ch1").item_id == "a.ch1"
    assert make_row("a.ch1.ch1", channel=1).item_id == "a.ch1"
    assert make_row("a.ch1", channel=0).item_id == "a.ch1"
    assert make_row("a.ch12", channel=12).item_id == "a"


# the file


def test_rows_are_sorted_by_id_and_the_failed_stand_in_a_file_of_their_own(tmp_path):
    later = make_row("z", status="failed", reason="empty", message="z.wav: no sample")
    write_manifest(str(tmp_path), iter([later, make_row("b"), FAILED, make_row("B"), make_row("a/b")]))
    assert [row.id for row in read_manifest(str(tmp_path))] == ["B", "a/b", "b", "c", "z"]
    assert read(tmp_path, "failures.jsonl").decode() == f"{FAILED.to_json()}\n{later.to_json()}\n"
    assert read(tmp_path, "failures.jsonl") == b"".join(read(tmp_path).splitlines(keepends=True)[3:])


def test_nothing_failed_is_an_empty_list_of_failures(tmp_path):
    write_manifest(str(tmp_path), [FAILED])
    write_manifest(str(tmp_path), [FULL])
    assert read(tmp_path, "failures.jsonl") == b""
    write_manifest(str(tmp_path), [])
    assert read(tmp_path) == b""
    assert list(read_manifest(str(tmp_path))) == []


@given(data=st.data())
@settings(max_examples=examples(30))
def test_any_order_of_the_rows_gives_the_same_bytes(tmp_path_factory, data):
    # "x.ch0" is a mono file of that name that failed, and the first channel of "x"
    twins = [make_row("x.ch0", channel=0), make_row("x.ch0", status="failed", reason="empty", message="no sample")]
    every = [*twins, FULL, FAILED, make_row("a"), make_row("é"), make_row("\udcff"), make_row("x.ch1", channel=1)]
    one, other = tmp_path_factory.mktemp("one"), tmp_path_factory.mktemp("other")
    write_manifest(str(one), every)
    write_manifest(str(other), data.draw(st.permutations(every)))
    assert read(one) == read(other)
    assert read(one, "failures.jsonl") == read(other, "failures.jsonl")


def test_odd_names_survive(tmp_path):
    write_manifest(str(tmp_path), map(make_row, ODD_IDS))
    assert [row.id for row in read_manifest(str(tmp_path))] == sorted(ODD_IDS, key=os.fsencode)
    assert read(tmp_path).count(b"\n") == len(ODD_IDS)


def test_no_manifest_is_no_row(tmp_path):
    assert list(read_manifest(str(tmp_path))) == []
    assert list(read_manifest(str(tmp_path / "no"))) == []


def test_rows_are_read_one_by_one(tmp_path):
    write_manifest(str(tmp_path), [make_row("a"), make_row("b")])
    (tmp_path / "manifest.jsonl").write_bytes(read(tmp_path) + b"damaged\n")
    found = read_manifest(str(tmp_path))
    assert [next(found).id, next(found).id] == ["a", "b"]
    with pytest.raises(StorageError):
        next(found)


@pytest.mark.parametrize(
    "damaged",
    [
        b"",
        b"{}",
        b"[]",
        b"7",
        b"null",
        b'"flags"',
        b"{",
        FULL.to_json().encode()[:-1],
        FULL.to_json().encode() + b"}",
        FULL.to_json().replace('"flags":', '"flag":').encode(),
        FULL.to_json().replace('"config_id":', '"config":').encode(),
        FULL.to_json().replace('"config_id":', '"tried_with":7,"config_id":').encode(),
        FAILED.to_json().replace('"config_id":', '"tried_with":7,"config_id":').encode(),
        FAILED.to_json().replace('"path":null', '"path":"c.npy"').encode(),
        FULL.to_json().encode().replace(b"wav", b"\xe9\xff"),
        b"\0" * 40,
    ],
    ids=range(16),
)
def test_a_damaged_line_is_refused_with_its_number(tmp_path, damaged):
    write_manifest(str(tmp_path), [make_row("a"), make_row("b"), make_row("c")])
    lines = read(tmp_path).split(b"\n")
    lines[1] = damaged
    (tmp_path / "manifest.jsonl").write_bytes(b"\n".join(lines))
    with pytest.raises(StorageError, match=rf"^{tmp_path}/manifest\.jsonl:2: not a row of a manifest \("):
        list(read_manifest(str(tmp_path)))


def test_a_cut_at_any_byte_is_refused_or_leaves_whole_rows(tmp_path):
    every = [make_row("a"), make_row("b"), FAILED]
    write_manifest(str(tmp_path), every)
    whole = read(tmp_path)
    ends = {0, *(place + 1 for place, byte in enumerate(whole) if byte == ord("\n"))}
    ends |= {end - 1 for end in ends if end}  # only the end of the line is gone
    for size in range(len(whole)):
        (tmp_path / "manifest.jsonl").unlink()
        (tmp_path / "manifest.jsonl").write_bytes(whole[:size])
        found = []
        try:
            found.extend(read_manifest(str(tmp_path)))
        except StorageError:
            assert size not in ends
        else:
            assert size in ends
        assert found == every[: len(found)]


def test_a_manifest_that_cannot_be_read_is_a_storage_error(tmp_path):
    (tmp_path / "manifest.jsonl").mkdir()
    with pytest.raises(StorageError, match=r"it is a directory, not a regular file"):
        list(read_manifest(str(tmp_path)))


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_disk_that_refuses_leaves_the_manifest_that_was_there(tmp_path, monkeypatch, call):
    write_manifest(str(tmp_path), [FULL, FAILED])
    before = read(tmp_path), read(tmp_path, "failures.jsonl")

    def refuse(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, call, refuse)
    with pytest.raises(StorageError, match=r"failures\.jsonl: No space left on device; "):
        write_manifest(str(tmp_path), [make_row("new")])
    assert (read(tmp_path), read(tmp_path, "failures.jsonl")) == before
    assert len(list(tmp_path.iterdir())) == 2
