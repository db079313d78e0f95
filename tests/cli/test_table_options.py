"""Options of the command line for tables; what they mean is tested with the readers."""

import click
from click.testing import CliRunner

from melcli.cli.table_options import table_options, table_options_of
from melcli.sources.tables.options import TableOptions


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
