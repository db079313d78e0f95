"""What is wrong with a table is named by file, line and rule."""

import gzip
import json
import os
import tracemalloc

import pytest

from melcli.errors import ConfigError
from melcli.sources import text_lines
from melcli.sources.tables import reader
from melcli.sources.tables.request import TableRequest
from tests.messages import names

HEAD = "path,start,end,duration,channel,id\n"


@pytest.mark.parametrize(
    "row, named",
    [
        ("a.wav,abc,,,,", ("start='abc'", "seconds")),
        ("a.wav,-1,,,,", ("start='-1'", "0 or more")),
        ("a.wav,nan,,,,", ("start='nan'", "seconds")),
        ("a.wav,,inf,,,", ("end='inf'", "seconds")),
        ("a.wav,1_0,,,,", ("start='1_0'", "seconds")),
        ("a.wav,00:01,,,,", ("start='00:01'", "seconds")),
        ("a.wav,2,1,,,", ("start=2", "end=1", "after")),
        ("a.wav,2,2,,,", ("start=2", "end=2", "after")),
        ("a.wav,,0,,,", ("start=0", "end=0", "after")),
        ("a.wav,16000000000,,,,", ("start='16000000000'", "at most", "samples")),
        ("a.wav,1,,0,,", ("duration=0", "above 0")),
        ("a.wav,1,,-2,,", ("duration='-2'", "0 or more")),
        ("a.wav,0,48000,3.0,,", ("end=48000", "duration=3", "contradict", "--column end=")),
        ("a.wav,,,,1.5,", ("channel='1.5'", "whole number")),
        ("a.wav,,,,left,", ("channel='left'", "whole number", "--column channel=")),
        ("a.wav,,,,-1,", ("channel='-1'", "whole number")),
        ("a.wav,,,,inf,", ("channel='inf'", "whole number")),
        ("a.wav,,,,65536,", ("channel='65536'", "whole number")),
        (",,,,,", ("path=''", "empty")),
        ("s3://bucket/a.wav,,,,,", ("path='s3://bucket/a.wav'", "URL")),
        ("..,,,,,", ("'..'", "no name")),
        ("a.wav,,,,,../x", ("id='../x'", "below OUT")),
        ("a.wav,,,,,/x", ("id='/x'", "below OUT")),
        ("a.wav,,,,,x/", ("id='x/'", "below OUT")),
        ("a.wav,,,,,.", ("id='.'", "below OUT")),
        ("a.wav,,,,,a//b", ("id='a//b'", "below OUT")),
        ("a.wav,,", ("3 columns", "the header has 6")),
        ("a.wav,,,,,,,", ("8 columns", "the header has 6")),
        ('"a.wav,,,,,', ("quoted cell does not end",)),
        ('"a"b.wav,,,,,', ("behind its closing quote", "written twice")),
    ],
)
def test_a_bad_row_is_named_by_its_line(refusal, row, named):
    error = refusal(f"{HEAD}\nfirst.wav,0,1,,0,\n{row}\nlast.wav,,,,,\n")
    assert str(error).startswith("t.csv:4: ")
    assert names(error, *named)


def test_the_separator_is_printable_in_a_message(refusal):
    error = refusal('path\ttext\n"a"b\tx\n')
    assert str(error).isprintable()


def test_a_row_that_starts_above_is_named_by_its_first_line(refusal):
    error = refusal('path,text,start\na.wav,"x\ny\nz",0\nb.wav,"x\ny",-1\n')
    assert str(error).startswith("t.csv:5: start='-1'")


@pytest.mark.parametrize(
    "value, named",
    [
        ({"start": True}, ("start=True", "seconds")),
        ({"start": [1]}, ("start=[1]", "seconds")),
        ({"start": 10**400}, ("start=1000", "seconds")),
        ({"start": float("nan")}, ("start=nan", "seconds")),
        ({"channel": False}, ("channel=False", "whole number")),
        ({"path": None}, ("path=None", "text")),
        ({"path": {"bytes": ""}}, ("path={'bytes'", "text")),
        ({"path": "a\0.wav"}, ("path='a\\x00.wav'", "NUL")),
        ({"path": "\ud800.wav"}, ("path=", "surrogate")),
        ({"id": 1.5}, ("id=1.5", "text or a whole number")),
        ({"id": "a\0"}, ("id='a\\x00'", "NUL")),
        ({"id": "é\0"}, ("id=", "NUL")),
    ],
)
def test_a_bad_value_of_json_is_named_by_its_line(refusal, value, named):
    error = refusal('{"path": "a.wav"}\n\n' + json.dumps({"path": "b.wav", **value}), "t.jsonl")
    assert str(error).startswith("t.jsonl:3: ")
    assert names(error, *named)


@pytest.mark.parametrize(
    "line, named",
    [
        ("{", ("not a JSON object", "jq -c '.[]' t.json |")),
        ("[", ("not a JSON object", "jq -c '.[]' t.json |")),
        ('[{"path": "a.wav"}]', ("not a JSON object", "jq -c '.[]' t.json |")),
        ('"a.wav"', ("not a JSON object",)),
        ('{"path": "a.wav"}, ', ("not a JSON object", "Extra data")),
        ('{"path": "a.wav", "n": ' + "9" * 5000 + "}", ("not a JSON object", "digits")),
        ('{"path": "a.wav", "n": ' + "[" * 100_000, ("nested too deeply",)),
        ('{"text": "x"}', ("no column", "text")),
    ],
)
def test_a_line_that_is_no_object_with_a_path_is_refused(refusal, line, named):
    error = refusal(line, "t.json")
    assert str(error).startswith("t.json:1: ")
    assert names(error, *named)


@pytest.mark.parametrize(
    "header, request_, named",
    [
        ("clip,text", {}, ("clip, text", "--column path=clip")),
        ("Audio File,text", {}, ("Audio File, text", "--column path=Audio File")),
        ("x,y", {}, ("x, y", "--column path=NAME", "--path-template")),
        ("path,audio", {}, ("'path' and 'audio'", "only one", "--column path=path")),
        ("path,start,offset", {}, ("'start' and 'offset'", "only one", "--column start=start")),
        ("path,path", {}, ("two columns", "path")),
        ("path,x", {"columns": {"path": "xx"}}, ("--column path=xx", "path, x", "'x'")),
        ("Path,path,x", {"columns": {"path": "PATH"}}, ("--column path=PATH", "Path, path, x")),
        ("path,x", {"columns": {"speaker": "spk"}}, ("--column speaker=spk", "path, x")),
        ("path,x,y", {"columns": {"y": "x"}}, ("two columns would have the name 'y'",)),
        ("path,x", {"path_template": "{y}.wav"}, ("--path-template {y}.wav", "path, x")),
        ("path,x", {"columns": {"path": "1"}}, ("column 1", "header", "path, x", "'path'")),
        ("clip,id,speaker,start", {"columns": {"path": "1"}}, ("column 1", "header", "clip, id", "'clip'")),
        ("id,x", {"path_template": "{1}.wav"}, ("column 1", "header", "id, x")),
        ("path,x", {"columns": {"id": "2", "text": "path"}}, ("--column id=2", "path, x")),
        ("a.wav,b.wav,1", {}, ("columns 1 and 2", "audio files", "--column path=1")),
        ("a,1", {"columns": {"id": "1"}}, ("no cell", "a, 1", "--column path=1")),
        ("a.wav,1", {"columns": {"path": "3"}}, ("--column path=3", "1, 2")),
    ],
)
def test_missing_and_ambiguous_columns_are_named(refusal, header, request_, named):
    error = refusal(f"{header}\n", **request_)
    assert str(error).startswith("t.csv:1: ")
    assert names(error, *named)


def test_a_key_that_no_line_has_is_refused(refusal, records):
    rows = '{"path": "a.wav"}\n{"path": "b.wav", "begin_s": 1}\n'
    error = refusal(rows, "t.jsonl", columns={"start": "begin"})
    assert str(error).startswith("t.jsonl: --column start=begin")
    assert names(error, "no line", "begin_s")
    assert [record.start_s for record in records(rows, "t.jsonl", columns={"start": "begin_s"})] == [None, 1.0]
    assert records("", "t.jsonl", columns={"start": "begin"}) == []


def test_json_has_no_numbers_of_columns(refusal):
    assert names(refusal('{"wav": "a.wav"}', "t.jsonl", columns={"path": "1"}), "--column path=1", "wav")
    assert names(refusal('{"wav": "a.wav"}', "t.jsonl", path_template="{1}"), "--path-template {1}", "wav")


def test_a_value_that_a_template_needs_is_named(refusal):
    error = refusal("id,x\na,1\n,2\n", path_template="{id}.wav")
    assert str(error).startswith("t.csv:3: id=''")
    error = refusal('{"id": 1.5}', "t.jsonl", path_template="{id}.wav")
    assert str(error).startswith("t.jsonl:1: id=1.5")


@pytest.mark.parametrize(
    "data, named",
    [
        ("path\n".encode("utf-16"), ("UTF-16", "iconv", "t.csv | melcli")),
        (b"\x28\xb5\x2f\xfd data", ("zstd", "zstd -dc t.csv | melcli")),
        (b"BZh9 data", ("bzip2", "bzip2 -dc t.csv | melcli")),
        (b"\xfd7zXZ\0 data", ("xz", "xz -dc t.csv | melcli")),
        (b"PAR1 data", ("Parquet", "export")),
        (b"PK\3\4 data", ("spreadsheet", "export")),
        (b"path\na\0.wav\n", ("NUL",)),
    ],
)
def test_a_file_that_is_no_text_is_refused(refusal, data, named):
    error = refusal(data)
    assert str(error).startswith("t.csv: ")
    assert names(error, *named)


@pytest.mark.parametrize(
    "change, named",
    [
        (lambda data: data[:-1], "truncated"),
        (lambda data: data[:20], "truncated"),
        (lambda data: data[:12] + b"\xff\xff\xff" + data[15:], "damaged"),
        (lambda data: data[:-5] + b"x" + data[-4:], "damaged"),
        (lambda data: data + b"xyz", "damaged"),
        (lambda data: data + data[:15], "truncated"),
    ],
)
def test_damaged_gzip_data_is_refused(refusal, change, named):
    error = refusal(change(gzip.compress(b"path,x\n" + b"a.wav,1\n" * 100)), "t.csv.gz")
    assert names(error, "t.csv.gz: ", "gzip", named)


def test_a_table_without_a_known_format_is_refused(refusal):
    assert names(refusal("a.wav\nb.wav\n", "t.txt"), "t.txt: ", "format")
    error = refusal("a.wav 1\n", "t.txt")
    assert names(error, "t.txt: ", "format", "--table-format csv|tsv|pipe|space|jsonl")


def test_a_missing_table_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for path, named in {"no.csv": "No such file", ".": "directory", "s3://x/y.csv": "URL"}.items():
        with pytest.raises(ConfigError, match=named):
            list(reader.read_table(TableRequest(path)))
    os.mkdir("folder.csv")
    with pytest.raises(ConfigError, match=r"^folder.csv: the table cannot be read"):
        list(reader.read_table(TableRequest("folder.csv")))


def test_hostile_names_are_escaped(refusal):
    error = refusal("path,start\n\x1b[2J.wav,\x1b]0;x\x07\n", "\x1b.csv")
    assert "\x1b" not in str(error)
    assert str(error).startswith("\\x1b.csv:2: ")
    assert names(error, "start='\\x1b]0;x\\x07'")


@pytest.mark.parametrize("name", ["t.csv", "t.tsv", "t.jsonl", "t.txt"])
def test_a_line_without_an_end_takes_little_memory(refusal, monkeypatch, name):
    monkeypatch.setattr(text_lines, "MAX_LINE_BYTES", 1 << 20)
    data = b"x" * (8 << 20)
    tracemalloc.start()
    try:
        error = refusal(data, name)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert names(error, name, "a line has more than 1,048,576 bytes")
    assert peak < 6 << 20


def test_a_cell_without_an_end_is_refused(refusal, monkeypatch):
    monkeypatch.setattr("melcli.sources.tables.delimited.MAX_LINE_BYTES", 1000)
    error = refusal('path,text\na.wav,"' + "x\n" * 2000)
    assert str(error).startswith("t.csv:2: a cell has more than 1,000 characters")


def test_an_endless_table_is_refused(refusal, monkeypatch):
    monkeypatch.setattr(text_lines, "MAX_FILE_BYTES", 100_000)
    error = refusal("path\n" + "a.wav\n" * 100_000)
    assert names(error, "t.csv", "more than 100,000 bytes")
