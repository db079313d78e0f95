"""Options of tables."""

import dataclasses

import pytest

from melcli.errors import ConfigError
from melcli.sources.tables.options import TableOptions
from melcli.sources.tables.request import TableRequest
from tests.messages import names


def test_each_table_becomes_a_request():
    options = TableOptions(
        tables=("a.csv", "-"), table_format="csv", columns=("path=clip", "start=", "text=a=b"), root="x"
    )
    columns = (("path", "clip"), ("start", ""), ("text", "a=b"))
    assert list(options.requests(keep_extension=True)) == [
        TableRequest(path, "csv", columns, "x", None, keep_extension=True) for path in ("a.csv", "-")
    ]
    assert [request.is_inherited for request in options.requests(keep_extension=False)] == [False, True]
    assert list(TableOptions().requests(keep_extension=False)) == []


def test_options_are_frozen_and_keyword_only():
    with pytest.raises(dataclasses.FrozenInstanceError):
        TableOptions().root = "x"
    with pytest.raises(TypeError):
        TableOptions(("a.csv",))


@pytest.mark.parametrize(
    "options, named",
    [
        ({"tables": ("",)}, ("--table", "empty")),
        ({"tables": ("-", "a.csv", "-")}, ("--table -", "once")),
        ({"tables": ("s3://b/a.csv",)}, ("s3://b/a.csv", "URL")),
        ({"root": ""}, ("--root", "empty")),
        ({"root": "s3://b"}, ("--root", "URL")),
        ({"table_format": "xml"}, ("table_format", "xml")),
        ({"path_template": "wavs/id.wav"}, ("--path-template wavs/id.wav", "placeholder")),
        ({"path_template": "{id"}, ("--path-template {id", "{{")),
        ({"path_template": "{}"}, ("--path-template {}", "name of a column")),
        ({"path_template": "{id:5}"}, ("--path-template {id:5}", "name of a column")),
        ({"path_template": "{id!r}"}, ("--path-template {id!r}", "name of a column")),
        ({"columns": ("clip",)}, ("--column clip", "NAME=COLUMN")),
        ({"columns": ("=clip",)}, ("--column =clip", "NAME=COLUMN")),
        ({"columns": ("path=a", "path=b")}, ("--column path=b", "twice")),
        ({"columns": ("strat=a",)}, ("--column strat=a", "write start=a")),
        ({"columns": ("Path=a",)}, ("--column Path=a", "write path=a")),
        ({"columns": ("text=",)}, ("--column text=", "path, id")),
    ],
)
def test_invalid_options_are_refused(options, named):
    with pytest.raises(ConfigError) as raised:
        TableOptions(**{"tables": ("a.csv",), **options})
    assert names(raised.value, *named)


@pytest.mark.parametrize(
    "options, named",
    [
        ({"columns": ("path=a",)}, "--column"),
        ({"table_format": "csv"}, "--table-format"),
        ({"path_template": "{id}"}, "--path-template"),
    ],
)
def test_options_without_a_table_are_refused(options, named):
    with pytest.raises(ConfigError) as raised:
        TableOptions(**options)
    assert names(raised.value, named, "--table")
    assert TableOptions(root="x").root == "x"  # that of a Kaldi folder
