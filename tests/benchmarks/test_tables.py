"""The same rows for the terminal and for the page."""

from __future__ import annotations

import pytest

from benchmarks import core, memory, pipeline, scaling
from benchmarks.tables import Table, markdown, plain, ratio
from tests.benchmarks.results import result

TABLE = Table("names", "A title", ["", "wall"], [["one", "1.00"], ["seventeen", "17.0"]])


def test_a_terminal_gets_columns():
    assert plain(TABLE) == "A title\n             wall\n  one        1.00\n  seventeen  17.0\n"


def test_the_page_gets_markdown():
    assert markdown(TABLE) == "|  | wall |\n| --- | ---: |\n| one | 1.00 |\n| seventeen | 17.0 |\n"


@pytest.mark.parametrize("value, text", [(None, ""), (0.5, "0.50"), (9.994, "9.99"), (12.34, "12.3"), (123.4, "123")])
def test_ratios_have_three_digits(value, text):
    assert ratio(value) == text


@pytest.mark.parametrize("module", [core, pipeline, scaling, memory])
def test_every_row_has_a_cell_for_every_column(module):
    tables = module.tables(result()[module.__name__.rpartition(".")[2]])
    assert tables
    for table in tables:
        assert table.rows, table.name
        assert {len(row) for row in table.rows} == {len(table.head)}, table.name
        assert plain(table)


def test_what_was_not_measured_is_empty():
    made = result()["core"]
    for setting in made["groups"]["libraries"]["settings"].values():
        setting["60"] = {**setting["60"], "peer_over_melcli": {}}
    rows = {row[0]: row[1:] for row in core.tables(made)[0].rows}
    assert rows["slow"] == ["2.00", "2.00", ""] * 3
