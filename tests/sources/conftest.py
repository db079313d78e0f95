"""A working folder to plant files in; paths in the tests are relative to it, as people write them."""

import os
from pathlib import Path

import pytest


@pytest.fixture
def plant(tmp_path, monkeypatch):
    """Move into an empty folder and return a function that makes files there, each with its own path as content."""
    monkeypatch.chdir(tmp_path)

    def make(*paths):
        for path in map(Path, paths):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(os.fsencode(path))

    return make
