"""Formats, columns, ids and times of tables."""

import csv
import gzip
import io
import json
import os
import sys
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from melcli.sources import byte_pieces
from melcli.sources.tables.derived_ids import derived_id
from melcli.sources.tables.reader import read_table
from melcli.sources.tables.request import TableRequest
from tests.tiers import examples


@pytest.mark.parametrize(
    "name, data",
    [
        ("t.csv", "path,text\na.wav,x\n"),
        ("t.CSV", "path,text\na.wav,x\n"),
        ("t.csv", "path,text\r\na.wav,x\r\n"),
        ("t.csv", "path,text\ra.wav,x"),
        ("t.csv", "\ufeffpath,text\na.wav,x\n"),
        ("t.csv", "\n\n PATH , text\n\na.wav,x\n\n"),
        ("t.csv", "path;text\na.wav;x\n"),
        ("t.csv", "path\ttext\na.wav\tx\n"),
        ("t.tsv", "path\ttext\na.wav\tx\n"),
        ("t.tab", "path\ttext\na.wav\tx"),
        ("t.txt", "path\ttext\na.wav\tx"),
        ("t.psv", "path|text\na.wav|x"),
        ("t", "path,text\na.wav,x"),
        ("t", "path|text\na.wav|x"),
        ("t.jsonl", '{"path": "a.wav", "text": "x"}'),
        ("t.ndjson", '{"path": "a.wav", "text": "x"}\r\n'),
        ("t.json", '\n{"path": "a.wav", "text": "x"}\n\n'),
        ("t.manifest", '{"path": "a.wav", "text": "x"}\n'),
        ("t.csv.gz", gzip.compress(b"path,text\na.wav,x\n", mtime=0)),
        ("t.jsonl.GZ", gzip.compress(b'{"path": "a.wav", "text": "x"}', mtime=0)),
        ("t.csv", gzip.compress(b"path,text\n", mtime=0) + gzip.compress(b"a.wav,x\n", mtime=0) + b"\0" * 100),
        ("t.csv.gz", "path,text\na.wav,x\n"),
    ],
)
def test_formats_are_told_by_extension_or_first_line(records, name, data):
    (found,) = records(data, name)
    assert (found.path, found.id, found.columns) == ("a.wav", "a", {"text": "x"})


@pytest.mark.parametrize(
    "format, data",
    [
        ("csv", "path,text\na.wav,x\n"),
        ("tsv", "path\ttext\na.wav\tx\n"),
        ("pipe", "path|text\na.wav|x\n"),
        ("space", "path text\na.wav x\n"),
        ("space", "  path   text  \n a.wav  x \n"),
        ("jsonl", '{"path": "a.wav", "text": "x"}'),
    ],
)
def test_a_named_format_overrides_the_extension(records, format, data):
    (found,) = records(data, "t.dat", format=format)
    assert (found.path, found.columns) == ("a.wav", {"text": "x"})


@pytest.mark.parametrize("data", [b"", b"\n\r\n \n", b"\xef\xbb\xbf", gzip.compress(b"", mtime=0), b"path,text\n"])
def test_a_table_without_rows_has_no_records(records, data):
    assert records(data) == []


def test_standard_input_starts_at_the_current_folder(monkeypatch):
    data = gzip.compress(b"path\tid\na.wav\tx\n", mtime=0)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    (found,) = read_table(TableRequest("-"))
    assert (found.place, found.path, found.id) == ("standard input:2", "a.wav", "x")


@pytest.mark.parametrize(
    "path, root, source",
    [
        ("a.wav", None, "lists/a.wav"),
        ("../a.wav", None, "lists/../a.wav"),
        ("/data/a.wav", None, "/data/a.wav"),
        ("a.wav", "clips", "clips/a.wav"),
        ("a.wav", "clips/", "clips/a.wav"),
        ("a.wav", ".", "./a.wav"),
        ("a.wav", "/", "/a.wav"),
        ("/data/a.wav", "clips", "/data/a.wav"),
    ],
)
def test_relative_paths_start_at_the_root_or_the_table(records, path, root, source):
    (found,) = records(f"path\n{path}\n", "lists/t.csv", root=root)
    assert found.path == source
    assert found.id in ("a", "data/a")  # the folder is not part of it


def test_bytes_that_are_not_utf_8_are_kept(records):
    (found,) = records(b"path,text\n\xff\xe9.wav,\xe4\n")
    assert os.fsencode(found.path) == b"\xff\xe9.wav"
    assert os.fsencode(found.columns["text"]) == b"\xe4"


@pytest.mark.parametrize("piece_bytes", [1, 2, 3, 7])
def test_rows_are_whole_wherever_the_pieces_end(records, monkeypatch, piece_bytes):
    monkeypatch.setattr(byte_pieces, "PIECE_BYTES", piece_bytes)
    data = '\ufeffpath,text\r\né.wav,"x\r\n""y"\nb.wav,\n'.encode()
    for given_data in (data, gzip.compress(data, mtime=0)):
        found = records(given_data)
        assert [(record.place, record.path, record.columns["text"]) for record in found] == [
            ("t.csv:2", "é.wav", 'x\r\n"y'),
            ("t.csv:4", "b.wav", ""),
        ]


@pytest.mark.parametrize(
    "columns, row, id_",
    [
        ("path", "a/b.c.wav", "a/b.c"),
        ("path", "./a.wav", "a"),
        ("path", "../../x/a.wav", "x/a"),
        ("path", "/x/a.wav", "x/a"),
        ("path", "a.m4a", "a.m4a"),
        ("path,start", "a.wav,", "a"),
        ("path,start", "a.wav,0", "a_00000000_end"),
        ("path,start,end", "a.wav,1,2.5", "a_00001000_00002500"),
        ("path,start,end", "a.wav,,2.5", "a_00000000_00002500"),
        ("path,start,duration", "a.wav,1.1,2.2", "a_00001100_00003300"),
        ("path,start,end", "a.wav,1.23456,2", "a_00001234.560_00002000"),
        ("path,start,end", "a.wav,-0.0,100000", "a_00000000_100000000"),
        ("path,channel", "a.wav,0", "a.ch0"),
        ("path,channel,start", "a.wav,1,2", "a_00002000_end.ch1"),
        ("path,id", "a.wav,x/y.wav", "x/y.wav"),
        ("path,utt_id", "a.wav,x", "x"),
        ("path,id,start", "a.wav,x,1", "x"),
        ("path,id", "a.wav,", "a"),
    ],
)
def test_ids(records, columns, row, id_):
    (found,) = records(f"{columns}\n{row}\n")
    assert found.id == id_


def test_ids_may_keep_extensions(records):
    (found,) = records("path,start\na.wav,1\n", keep_extension=True)
    assert found.id == "a.wav_00001000_end"


microseconds = st.integers(min_value=0, max_value=10**12)


@settings(max_examples=examples(300))
@given(microseconds, microseconds)
def test_ids_of_different_bounds_differ(first, second):
    ids = {derived_id("a", 0.0, time / 1e6, None) for time in {first, second}}
    assert len(ids) == len({first, second})
    assert len({derived_id("a", time / 1e6, None, None) for time in {first, second}}) == len(ids)


@pytest.mark.parametrize(
    "columns, row, bounds",
    [
        ("path,start,end", "a.wav,1,2.5", (1.0, 2.5, None)),
        ("path,end", "a.wav,2.5", (0.0, 2.5, None)),
        ("path,start", "a.wav, 1e0 ", (1.0, None, None)),
        ("path,start,duration", "a.wav,1,2.5", (1.0, None, 2.5)),
        ("path,start,duration", "a.wav,1,", (1.0, None, None)),
        ("path,start,duration", "a.wav,,2.5", (None, None, None)),
        ("path,duration", "a.wav,long", (None, None, None)),
        ("path,start,end,duration", "a.wav,1,3,2.01", (1.0, 3.0, None)),
        ("path,start,end,duration", "a.wav,1,3,60", (1.0, 3.0, None)),
        ("path,begin_time,end_time", "a.wav,1,2", (1.0, 2.0, None)),
        ("path,start_seconds,end_seconds", "a.wav,1,2", (1.0, 2.0, None)),
    ],
)
def test_bounds(records, columns, row, bounds):
    (found,) = records(f"{columns}\n{row}\n")
    assert (found.start_s, found.end_s, found.duration_s) == bounds
    assert found.rounding == "nearest"


def test_only_the_columns_of_nemo_are_truncated(records):
    assert records("audio,offset,duration\na.wav,1,2\n")[0].rounding == "truncate"
    assert records("audio,offset,end\na.wav,1,2\n")[0].rounding == "nearest"


def test_columns_by_name(records):
    data = "clip,Begin,words,spk\na.wav,1,x,s\n"
    (found,) = records(data, columns={"path": "clip", "start": "begin", "text": "words"})
    assert (found.path, found.start_s, found.columns) == ("a.wav", 1.0, {"text": "x", "spk": "s"})


def test_columns_by_number(records):
    (found,) = records("x,a.wav,1.5\n", columns={"start": "3", "text": "1"})
    assert (found.path, found.start_s, found.columns) == ("a.wav", 1.5, {"text": "x"})
    (found,) = records("x|a|1.5\n", "t.psv", columns={"path": "2"})
    assert (found.path, found.columns) == ("a", {"1": "x", "3": "1.5"})


def test_a_row_of_numbers_is_no_header_if_columns_have_numbers(records):
    found = records("1|one\n2|two\n", "t.psv", path_template="{1}.wav")
    assert [record.path for record in found] == ["1.wav", "2.wav"]
    found = records("1|one\n2|two\n", "t.psv", path_template="{id}.wav", columns={"id": "1"})
    assert [(record.path, record.id) for record in found] == [("1.wav", "1"), ("2.wav", "2")]


def test_a_usual_column_can_be_turned_off(records):
    (found,) = records("path,id,channel\na.wav,7,mic\n", columns={"id": "", "channel": ""})
    assert (found.id, found.channel, found.columns) == ("a", None, {"id": "7", "channel": "mic"})


@pytest.mark.parametrize(
    "template, path",
    [
        ("{path}.wav", "a.wav"),
        ("x/{Split}/{path}-{split}.wav", "x/train/a-train.wav"),
        ("{{{path}}}.wav", "{a}.wav"),
        ("/abs/{path}", "/abs/a"),
    ],
)
def test_templates(records, template, path):
    (found,) = records("path,split\na,train\n", path_template=template)
    assert found.path == path
    assert found.columns == {"path": "a", "split": "train"}


def test_json_scalars_are_kept_and_other_values_become_text(records):
    row = {"path": "a.wav", "i": 2**70, "f": 1.5, "b": True, "n": None, "l": [1, "é"], "o": {"x": 1}, "u": "é"}
    (found,) = records(json.dumps(row), "t.jsonl")
    assert found.columns == {
        "i": 2**70, "f": 1.5, "b": True, "n": None, "l": '[1, "é"]', "o": '{"x": 1}', "u": "é"
    }  # fmt: skip
    assert type(found.columns["b"]) is bool
    (found,) = records('{"path": "a.wav", "x": NaN, "y": -Infinity, "z": 1e999}', "t.jsonl")
    assert found.columns == {"x": None, "y": None, "z": None}


def test_lines_may_have_different_keys(records):
    rows = ['{"path": "a.wav", "start": 1}', '{"id": 7, "Path": "b.wav"}', '{"path": "c.wav", "start": null, "x": 1}']
    found = records("\n".join(rows), "t.jsonl", columns={"text": "x"})
    assert [(record.path, record.id, record.start_s, record.columns) for record in found] == [
        ("a.wav", "a_00001000_end", 1.0, {}),
        ("b.wav", "7", None, {}),
        ("c.wav", "c", None, {"text": 1}),
    ]


def test_many_sets_of_keys_take_little_memory(records, monkeypatch):
    monkeypatch.setattr("melcli.sources.tables.json_lines.MAX_LAYOUTS", 3)
    rows = "\n".join(json.dumps({"path": f"{n}.wav", f"key{n}": n}) for n in range(10))
    assert [record.columns for record in records(rows, "t.jsonl")] == [{f"key{n}": n} for n in range(10)]


@pytest.mark.parametrize(
    "name, row", [("t.csv", b"%d.wav,long\n"), ("t.jsonl", b'{"path": "%d.wav", "text": "long"}\n')]
)
def test_memory_does_not_grow_with_the_table(tmp_path, name, row):
    peaks = []
    row = row.replace(b"long", b"x" * 200)
    for num_rows in (2_500, 7_500):
        path = tmp_path / name
        path.write_bytes(b"path,text\n" * (name == "t.csv") + b"".join(row % n for n in range(num_rows)))
        tracemalloc.start()
        try:
            assert sum(1 for _ in read_table(TableRequest(str(path)))) == num_rows
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0]


def test_the_limit_of_the_csv_module_is_restored(records):
    before = csv.field_size_limit()
    long = "x" * (before + 1)
    (found,) = records(f"path,text\na.wav,{long}\n")
    assert found.columns == {"text": long}
    assert csv.field_size_limit() == before


names_of_files = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=8).map("p{}.wav".format)
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)


@settings(max_examples=examples(200))
@given(st.lists(st.tuples(names_of_files.filter(lambda name: "/" not in name), texts), min_size=1, max_size=5))
def test_any_text_survives_csv_and_json(tmp_path_factory, rows):
    folder = tmp_path_factory.mktemp("tables")
    with open(folder / "t.csv", "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("path", "text"), *rows])
    (folder / "t.jsonl").write_text("\n".join(json.dumps({"path": path, "text": text}) for path, text in rows))
    for name in ("t.csv", "t.jsonl"):
        found = list(read_table(TableRequest(str(folder / name))))
        assert [(os.path.basename(record.path), record.columns["text"]) for record in found] == rows


def test_minus_zero_is_zero(records):
    assert str(records("path,start\na.wav,-0\n")[0].start_s) == "0.0"


def test_a_table_of_another_process_starts_at_the_current_folder():
    reading, writing = os.pipe()
    try:
        os.write(writing, b"path\ta\nx.wav\t1\n")
        os.close(writing)
        (found,) = read_table(TableRequest(f"/dev/fd/{reading}"))
    finally:
        os.close(reading)
    assert (found.place, found.path) == (f"/dev/fd/{reading}:2", "x.wav")


def test_several_durations_of_whole_recordings_are_no_question(records):
    (found,) = records("path,duration,duration_s\na.wav,00:01,1\n")
    assert found.columns == {"duration": "00:01", "duration_s": "1"}


@pytest.mark.parametrize("name", ["t.csv", "t.jsonl"])
def test_empty_lines_count(records, name):
    data = '\n\n{"path": "a.wav"}\n' if name == "t.jsonl" else "\n\npath,x\n\na.wav,1\n"
    (found,) = records(data, name)
    assert found.place == f"{name}:{3 if name == 't.jsonl' else 5}"


def test_a_compressed_table_is_not_held_in_memory(tmp_path):
    path = tmp_path / "t.csv.gz"
    path.write_bytes(gzip.compress(b"path,x\n" + b"a.wav,1\n" * 1_000 + (b"\n" * 99 + b" ") * 500_000, 1, mtime=0))
    tracemalloc.start()
    try:
        assert next(read_table(TableRequest(str(path)))).id == "a"
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 24 << 20
