"""Write a table into an empty folder, and read it."""

import os

import pytest

from melcli.errors import ConfigError
from melcli.sources.tables.reader import read_table
from melcli.sources.tables.request import TableRequest


@pytest.fixture
def records(tmp_path, monkeypatch):
    """Return a function that writes a table into an empty working folder, and returns its records."""
    monkeypatch.chdir(tmp_path)

    def read(data, name="t.csv", **request):
        if os.path.dirname(name):
            os.makedirs(os.path.dirname(name), exist_ok=True)
        (tmp_path / name).write_bytes(data if isinstance(data, bytes) else os.fsencode(data))
        columns = tuple(request.pop("columns", {}).items())
        return list(read_table(TableRequest(name, columns=columns, **request)))

    return read


@pytest.fixture
def refusal(records):
    """Return a function that does the same for a table that is refused, and returns the error."""

    def refused(data, name="t.csv", **request):
        with pytest.raises(ConfigError) as raised:
            records(data, name, **request)
        return raised.value

    return refused
