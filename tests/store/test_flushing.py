"""Flushing: what the system is asked for on Linux and on macOS."""

from __future__ import annotations

import errno
import fcntl
import os
import sys
from pathlib import Path

import pytest

from melcli.store.flushing import flush_to_disk

F_FULLFSYNC = 51


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The calls that reach the system."""
    made: list[str] = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: made.append("fsync"))
    return made


def test_linux_gets_fsync(calls: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    flush_to_disk(-1)
    assert calls == ["fsync"]


@pytest.mark.parametrize("refused, expected", [(False, ["full"]), (True, ["full", "fsync"])])
def test_macos_gets_a_full_flush_where_the_file_system_has_one(
    calls: list[str], monkeypatch: pytest.MonkeyPatch, refused: bool, expected: list[str]
) -> None:
    def control(descriptor: int, command: int) -> int:
        assert command == F_FULLFSYNC
        calls.append("full")
        if refused:
            raise OSError(errno.ENOTSUP, "no")
        return 0

    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(fcntl, "F_FULLFSYNC", F_FULLFSYNC, raising=False)
    monkeypatch.setattr(fcntl, "fcntl", control)
    flush_to_disk(-1)
    assert calls == expected


def test_a_failure_is_raised(tmp_path: Path) -> None:
    with open(tmp_path / "file", "wb") as file:
        descriptor = file.fileno()
    with pytest.raises(OSError, match="Bad file descriptor"):
        flush_to_disk(descriptor)
