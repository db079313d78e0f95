"""Options of the command line for tables; what they mean is tested with the readers."""

import click
import pytest
from click.testing import CliRunner

from melcli.cli.table_options import table_options, table_options_of
from melcli.sources.tables.options import TableOptions
from tests.messages import names
from tests.run.corpus import plant


def test_options_become_a_choice_of_tables():
    found = {}

    @click.command()
    @table_options
    def command(**arguments):
        found["options"], found["allow_commands"] = table_options_of(arguments), arguments["allow_commands"]

    words = (
        "--table a.csv --table - --table-format csv --column path=clip --column start= --root x "
        "--path-template {id}.wav --allow-commands"
    )
    result = CliRunner().invoke(command, words.split(), catch_exceptions=False)
    assert result.exit_code == 0
    assert found == {
        "allow_commands": True,
        "options": TableOptions(
            tables=("a.csv", "-"),
            table_format="csv",
            columns=("path=clip", "start="),
            root="x",
            path_template="{id}.wav",
        ),
    }
    CliRunner().invoke(command, [], catch_exceptions=False)
    assert found == {"allow_commands": False, "options": TableOptions()}


@pytest.mark.parametrize(
    "words, named",
    [
        (("--table", "-", "--files-from", "-"), ("--files-from and --table",)),
        (("--table", "/dev/stdin", "--files-from0", "-"), ("--files-from0 and --table",)),
        (("--table", "-", "--table", "/proc/self/fd/0"), ("--table and --table",)),
        (("--files-from", "-", "--files-from0", "/dev/fd/0"), ("--files-from and --files-from0",)),
    ],
)
def test_standard_input_is_read_by_one_option(melcli, tmp_path, words, named):
    """The second one would find nothing, without an error."""
    ended = melcli("extract", *words, "-o", tmp_path / "out", stdin=b"a.wav\n")
    assert ended.code == 2
    assert names(ended.err, *named, "standard input")


def test_a_table_of_standard_input(melcli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    plant(tmp_path / "in", "a.wav", "b.wav")
    ended = melcli("extract", "--table", "-", "-o", "out", "-n", "-v", stdin=b"path,text\nin/a.wav,x\nin/b.wav,y\n")
    assert ended.code == 0
    assert ended.out == "+ in/a\n+ in/b\n"
