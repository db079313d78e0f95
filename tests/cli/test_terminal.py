"""A bar where somebody looks at it, and plain lines everywhere else."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import sys
import termios
from collections.abc import Callable
from pathlib import Path

import pytest

from melcli.cli import progress
from melcli.cli.progress import Progress
from melcli.run.report import Report
from melcli.sources.items import Found
from tests.cli.shell import Ended, start
from tests.run.corpus import LIGHT, plant


@pytest.fixture
def sounds(tmp_path: Path) -> Path:
    plant(tmp_path / "in", *[f"{number:02}.wav" for number in range(12)])
    (tmp_path / "in" / "bad\x1b[31m.wav").write_bytes(b"")
    return tmp_path / "in"


def on_a_terminal(*arguments: object, out: Path) -> tuple[int, str]:
    """Run with a pseudo-terminal as standard error; return the exit code and what came there."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))  # without a width there is no bar
    run = start(*arguments, out=out, stderr=theirs, env={"TERM": "xterm"})
    os.close(theirs)
    shown = b""
    while True:
        try:
            piece = os.read(ours, 4096)
        except OSError:  # so Linux says that nobody has the other end open
            break
        if not piece:
            break
        shown += piece
    os.close(ours)
    return run.end().code, shown.decode()


def test_a_bar_on_a_terminal(sounds: Path, tmp_path: Path) -> None:
    code, shown = on_a_terminal("extract", sounds, *LIGHT, out=tmp_path / "out")
    assert code == 3
    assert re.search(r"\r[^\r\n]*\| \d+/13 \[", shown)  # tqdm's
    assert re.search(r"h of audio, [\d,]+x real time, \d failed", shown)
    lines = [line.split("\r")[-1] for line in shown.replace("\r\n", "\n").split("\n")]
    assert f"failed: {sounds}/bad\\x1b[31m.wav: the file has 0 bytes [empty]" in shown
    assert "\x1b[31m" not in shown
    assert lines[-2].startswith("12 ok  1 failed  ")  # below no rest of a bar
    assert lines[-1] == ""


def test_no_bar_on_a_terminal_that_wants_none(sounds: Path, tmp_path: Path) -> None:
    code, shown = on_a_terminal("extract", sounds, *LIGHT, "--progress", "lines", out=tmp_path / "out")
    assert code == 3
    assert "\r" not in shown.replace("\r\n", "\n")
    assert len(shown.splitlines()) == 2  # the failure and the last line


@pytest.mark.parametrize(
    "on_terminal, arguments, bar",
    [
        (True, [], True),
        (False, [], False),
        (True, ["-q"], False),
        (True, ["--progress", "none"], False),
        (True, ["--progress", "lines"], False),
        (False, ["--progress", "bar"], True),
    ],
)
def test_who_gets_a_bar(
    melcli: Callable[..., Ended],
    monkeypatch: pytest.MonkeyPatch,
    sounds: Path,
    tmp_path: Path,
    on_terminal: bool,
    arguments: list[str],
    bar: bool,
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: on_terminal)
    ended = melcli("extract", sounds, *LIGHT, *arguments, "-o", tmp_path / "out")
    assert ("\r" in ended.err) == bar


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr("melcli.cli.progress.time.monotonic", lambda: now[0])
    return now


def test_a_line_every_half_minute(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    listener = Progress("auto", quiet=False, verbose=False)
    report = Report(out="OUT", to_do=8000, started_s=1000.0)
    listener.planned(report)
    for _ in range(180):  # a minute and a half, told twice a second
        clock[0] += 0.5
        report.done += 20
        report.audio_s += 100.0
        report.tick()
        report.elapsed_s = clock[0] - 1000.0
        listener.advanced(report)
    listener.close()
    assert capsys.readouterr().err.splitlines() == [
        "1,200 of 8,000  1.7 h of audio, 200x real time, 0 failed",
        "2,400 of 8,000  3.3 h of audio, 200x real time, 0 failed",
        "3,600 of 8,000  5.0 h of audio, 200x real time, 0 failed",
    ]
    assert progress.LINE_EVERY_S == 30.0


@pytest.mark.parametrize("quiet", [False, True])
def test_folders_that_cannot_be_read_are_told_in_any_case(quiet: bool, capsys: pytest.CaptureFixture[str]) -> None:
    found = Found(
        items=(), hidden=1, excluded=0, links=0, out_folders=0, other={}, unreadable={"in/x": "Permission denied"}
    )
    Progress("auto", quiet=quiet, verbose=False).found(found)
    told = capsys.readouterr().err.splitlines()
    assert told[-1] == "warning: could not read 1 folder: in/x (Permission denied)"
    assert told[:-1] == ([] if quiet else ["passed over 1: 1 hidden"])
