"""Lists of another format are refused, and the command of the hint reads them."""

import os
import shlex

import pytest

from melcli.errors import ConfigError
from melcli.sources.lists import read_list
from melcli.sources.tables.options import TableOptions
from melcli.sources.tables.reader import read_table

ROWS = "melcli extract --table - --table-format jsonl ..."


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.wav").touch()
    (tmp_path / "lists").mkdir()


def refusal(name, data):
    with open(name, "w") as file:
        file.write(data)
    with pytest.raises(ConfigError) as raised:
        list(read_list(name, b"\n"))
    assert raised.value.problem.startswith(f"{name}:1: it is ")
    return raised.value


def paths_by(hint):
    """Return the paths that the table of a hint has."""
    program, command, *words, rest = shlex.split(hint)
    assert (program, command, rest) == ("melcli", "extract", "...")
    options = {"columns": ()}
    for option, value in zip(words[::2], words[1::2], strict=True):
        key = {"--table": "tables", "--column": "columns"}.get(option, option[2:].replace("-", "_"))
        options[key] = (value,) if key in ("tables", "columns") else value
    (request,) = TableOptions(**options).requests(keep_extension=False)
    return [record.path for record in read_table(request)]


@pytest.mark.parametrize("name", ["t.csv", "list.txt", "a b"])
@pytest.mark.parametrize(
    "data",
    [
        "id,path\n1,a.wav\n",
        "id;path\n1;a.wav\n",
        "id\tfilename\n1\ta.wav\n",
        'client_id\tpath\tsentence\nc\ta.wav\t"x\n',
        "path|text\na.wav|x, y\n",
        "id,clip\n1,a.wav\n",
        "path,audio\na.wav,x\n",
        "a.wav,x\n",
        "a.wav|x, y\n",
        "x\ta.wav\n",
        '{"audio_filepath": "a.wav", "text": "x"}\n',
        '{"sound": "a.wav", "text": "x"}\n',
    ],
)
def test_the_command_of_the_hint_reads_the_table(name, data):
    assert paths_by(refusal(name, data).hint) == ["a.wav"]


def test_the_table_of_the_hint_starts_at_the_current_folder():
    error = refusal("lists/t.csv", "a.wav,x\n")
    assert [os.path.normpath(path) for path in paths_by(error.hint)] == ["a.wav"]


@pytest.mark.parametrize(
    "name, data, what, hint",
    [
        ("a.json", '["a.wav"]', "a JSON array", "jq -r '.[]' a.json | melcli extract --files-from - ..."),
        ("a.json", '[{"x": 1}]', "a JSON array", f"jq -c '.[]' a.json | {ROWS}"),
        ("a b", "[\n", "a JSON document", f"jq -c '.[]' 'a b' | {ROWS}"),
        ("wav.scp", "u /data/a.wav\n", "wav.scp", "melcli extract . ..."),
        ("lists/wav.scp", "u a.wav\n", "wav.scp", "melcli extract lists ..."),
        ("lists/wav.scp", "u cat a.wav |\n", "a command", "melcli extract lists --allow-commands ..."),
        ("train.scp", "u a.wav\n", "wav.scp", "name it wav.scp in a folder of its own, and give the folder as INPUT"),
    ],
)  # fmt: skip
def test_other_formats(name, data, what, hint):
    error = refusal(name, data)
    assert what in error.problem
    assert error.hint == hint


@pytest.mark.parametrize("line", ["a.wav", "x,y.wav", "{x}", "[", "a b.wav", "{" * 100_000])
def test_names_of_files_are_no_other_format(line):
    if len(line) < 100:
        open(line, "w").close()
    with open("list", "w") as file:
        file.write(line[:4000])
    assert list(read_list("list", b"\n")) == [line[:4000]]
