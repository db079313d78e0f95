"""Colors where a terminal takes them, and nowhere else; a reader that goes away is no error."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from melcli.cli import colors
from tests.cli.shell import Ended, run_alone

Command = Callable[..., Ended]
COLOR = "\x1b["


class Terminal:
    """A stream that says whether it is a terminal."""

    def __init__(self, is_one: bool) -> None:
        self._is_one = is_one

    def isatty(self) -> bool:
        return self._is_one


@pytest.mark.parametrize(
    "is_terminal, environment, taken",
    [
        (True, {"TERM": "xterm"}, True),
        (True, {}, True),
        (True, {"TERM": "xterm", "NO_COLOR": ""}, True),  # as https://no-color.org has it
        (True, {"TERM": "xterm", "NO_COLOR": "1"}, False),
        (True, {"TERM": "dumb"}, False),
        (False, {"TERM": "xterm"}, False),
    ],
)
def test_who_gets_colors(
    monkeypatch: pytest.MonkeyPatch, is_terminal: bool, environment: dict[str, str], taken: bool
) -> None:
    for name in ("TERM", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    stream = Terminal(is_terminal)
    assert colors.takes_colors(stream) == taken  # type: ignore[arg-type]
    assert (COLOR in colors.colored("x", "error", stream)) == taken  # type: ignore[arg-type]


@pytest.fixture
def on_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("melcli.cli.colors.takes_colors", lambda stream: True)
    monkeypatch.setattr("click.utils.should_strip_ansi", lambda stream=None, color=None: False)


def test_errors_and_hints_are_colored(melcli: Command, on_terminal: None) -> None:
    assert melcli("extrct").err == (
        "melcli: \x1b[1;31merror:\x1b[0m no such command 'extrct'\n\x1b[1;36mhint:\x1b[0m did you mean 'extract'?\n"
    )


@pytest.mark.parametrize("level", [(), ("extract",), ("config", "show")], ids=" ".join)
def test_help_in_color_is_the_same_text(
    melcli: Command, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest, level: tuple[str, ...]
) -> None:
    plain = melcli(*level, "-h").out
    request.getfixturevalue("on_terminal")
    shown = melcli(*level, "-h").out
    assert shown.count(COLOR) > 6
    assert re.sub(r"\x1b\[[\d;]*m", "", shown) == plain


LONG_OUTPUT = [("config", "list"), ("config", "show"), ("extract", "-h"), ("config", "diff", "keras", "whisper")]


@pytest.mark.parametrize("arguments", LONG_OUTPUT, ids=" ".join)
def test_a_reader_that_goes_away_is_no_error(arguments: tuple[str, ...]) -> None:
    """As in ``melcli config list | head -1``: nothing is said, and the code is that of SIGPIPE."""
    reading, writing = os.pipe()
    os.close(reading)
    ended = run_alone(*arguments, stdout=writing)
    os.close(writing)
    assert (ended.code, ended.err) == (141, "")


def test_a_terminal_gets_color_and_a_pipe_none(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm"}
    environment.pop("NO_COLOR", None)
    command = [sys.executable, "-m", "melcli", "config", "chek"]
    process = subprocess.Popen(command, stderr=theirs, stdout=subprocess.PIPE, env=environment)
    os.close(theirs)
    shown = os.read(ours, 4096)
    process.communicate()
    os.close(ours)
    assert b"melcli: \x1b[1;31merror:\x1b[0m no such command 'chek'" in shown
    assert COLOR not in run_alone("config", "chek", env={"TERM": "xterm"}).err
