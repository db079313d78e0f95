"""A working folder for configs; paths in the tests are relative to it, as people write them."""

import pytest


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Move into an empty folder and return a function that writes a config there and returns its name."""
    monkeypatch.chdir(tmp_path)

    def plant(text, name="my.yaml"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return name

    return plant
