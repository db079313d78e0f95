"""A bar where somebody looks at it, and plain lines everywhere else."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from melcli.cli import progress
from melcli.cli.progress import Progress
from melcli.run.report import Report
from melcli.sources.found import Found
from tests.cli.shell import Ended, closed_pipe, full_disk, run_alone, start
from tests.run.corpus import LIGHT, plant, rows
from tests.run.invariants import check_finished
from tests.tiers import full_but


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


def plain(shown: str) -> str:
    """Return what was shown without its colors."""
    return re.sub(r"\x1b\[[\d;]*m", "", shown)


def test_a_bar_on_a_terminal(sounds: Path, tmp_path: Path) -> None:
    code, shown = on_a_terminal("extract", sounds, *LIGHT, out=tmp_path / "out")
    assert code == 3
    assert re.search(r"\r[01] failed  \|[^|]+\|  \d+%  \d+ of 13 files  0\.0(?: of 0\.0)? h", plain(shown))
    lines = [line.split("\r")[-1] for line in shown.replace("\r\n", "\n").split("\n")]
    assert f"failed:\x1b[0m {sounds}/bad\\x1b[31m.wav: the file has 0 bytes [empty]" in shown
    assert "bad\x1b" not in shown
    assert lines[-2].startswith("12 ok  1 failed  ")  # below no rest of a bar
    assert lines[-1] == ""


@pytest.mark.full
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
    monkeypatch.setattr(
        "melcli.cli.progress._local_time", lambda: f"2026-11-30 20:{now[0] // 60:02.0f}:{now[0] % 60:02.0f}"
    )
    return now


def test_a_line_every_half_minute(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    listener = Progress("auto", quiet=False, verbose=False)
    report = Report(out="OUT", to_do=8000, started_s=1000.0, expected_audio_s=40_000.0)
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
        "2026-11-30 20:17:10  0 failed  15%  1,200 of 8,000 files  1.7 of 11.1 h  200x real time  3 min left",
        "2026-11-30 20:17:40  0 failed  30%  2,400 of 8,000 files  3.3 of 11.1 h  200x real time  2 min left",
        "2026-11-30 20:18:10  0 failed  45%  3,600 of 8,000 files  5.0 of 11.1 h  200x real time  2 min left",
    ]
    assert progress.LINE_EVERY_S == 30.0


@pytest.mark.parametrize("quiet", [False, True])
def test_warnings_are_printed_in_any_case(quiet: bool, capsys: pytest.CaptureFixture[str]) -> None:
    found = Found(
        items=(), hidden=1, excluded=0, links=0, out_folders=0, other={}, unreadable={"in/x": "Permission denied"}
    )
    listener = Progress("auto", quiet=quiet, verbose=False)
    listener.found(found)
    listener.warned(found.warning)
    told = capsys.readouterr().err.splitlines()
    assert told[-1] == "warning: could not read 1 folder: in/x (Permission denied)"
    assert told[:-1] == ([] if quiet else ["skipped 1: 1 hidden"])


# Nobody takes what is said

HEAVY = ("-s", "sampling_rate=8000", "-s", "fft_length=8192", "-s", "sequence_stride=16", "-s", "num_mel_bins=4")
BUFFERED = {"PYTHONUNBUFFERED": ""}  # otherwise Python's own end cannot fail of what it could not write


@pytest.fixture(params=full_but([closed_pipe, full_disk], closed_pipe))
def nowhere(request: pytest.FixtureRequest) -> Iterator[int]:
    """Return a descriptor that every write to fails."""
    descriptor = request.param()
    yield descriptor
    os.close(descriptor)


@pytest.mark.parametrize(
    "arguments", [["extract", "nothing", "-o", "out"], ["extract", "-x"], ["config", "check", "no.yaml"]]
)
def test_an_error_that_nobody_reads_ends_with_its_own_code(tmp_path: Path, nowhere: int, arguments: list[str]) -> None:
    assert run_alone(*arguments, stderr=nowhere, env=BUFFERED, cwd=tmp_path).code == 2


@pytest.mark.full
@pytest.mark.parametrize("arguments", [["--progress", "bar"], ["--progress", "lines", "-v"]])
def test_a_run_that_nobody_listens_to_is_done_all_the_same(
    sounds: Path, tmp_path: Path, nowhere: int, arguments: list[str]
) -> None:
    arguments = [str(sounds), *LIGHT, *arguments, "-j", "2"]
    ended = run_alone("extract", *arguments, out=tmp_path / "out", stderr=nowhere, env=BUFFERED)
    assert ended.code == 3
    assert [row["status"] for row in rows(tmp_path / "out").values()].count("ok") == 12
    check_finished(tmp_path / "out")


@pytest.mark.full
def test_a_plan_is_told_though_nobody_takes_the_remarks(sounds: Path, tmp_path: Path, nowhere: int) -> None:
    planned = run_alone("extract", sounds, *LIGHT, "-nv", out=tmp_path / "out", stderr=nowhere, env=BUFFERED)
    assert planned.code == 0
    assert planned.out.count("+ ") == 13
    assert run_alone("extract", sounds, *LIGHT, "-q", out=tmp_path / "out").code == 3
    told = run_alone("status", tmp_path / "out", stderr=nowhere, env=BUFFERED)
    assert told.code == 0
    assert told.out.startswith("! bad")


@pytest.mark.full
@pytest.mark.parametrize("style", full_but(["bar", "lines"], "bar"))
def test_a_reader_that_goes_away_in_the_middle_ends_no_run(tmp_path: Path, style: str) -> None:
    plant(tmp_path / "in", *[f"{number:03}.wav" for number in range(40)], seconds=2.0)
    (tmp_path / "in" / "zz.wav").write_bytes(b"")  # told after the reader is gone
    reading, writing = os.pipe()
    arguments = [tmp_path / "in", *HEAVY, "-v", "-j", "1", "--progress", style]
    run = start("extract", *arguments, out=tmp_path / "out", stderr=writing, env=BUFFERED)
    os.close(writing)
    run.wait_for_rows(1)
    assert b"41 to do" in os.read(reading, 1 << 16)
    os.close(reading)
    assert run.rows_so_far < 40
    assert run.end().code == 3
    assert [row["status"] for row in rows(tmp_path / "out").values()].count("ok") == 40
    check_finished(tmp_path / "out")


def test_a_log_that_takes_lines_again_gets_them(tmp_path: Path) -> None:
    """A disk may be full for a while."""
    code = (
        "import os, sys\n"
        "from melcli.cli.output import say\n"
        "log = os.dup(2)\n"
        "os.dup2(os.open('/dev/full', os.O_WRONLY), 2)\n"
        "say('lost')\n"
        "os.dup2(log, 2)\n"
        "say('written')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env={**os.environ, **BUFFERED}
    )
    assert (done.returncode, done.stderr) == (0, "written\n")


@pytest.mark.parametrize("given, used", [({}, "1"), ({"OMP_NUM_THREADS": "3"}, "3")])
def test_the_libraries_of_the_command_use_one_thread_unless_told(given: dict[str, str], used: str) -> None:
    before = "import atexit, os; atexit.register(lambda: print(os.environ['OMP_NUM_THREADS']))"
    without = "import os; os.environ.pop('OMP_NUM_THREADS', None); " if not given else ""
    ended = run_alone("config", "list", before=without + before, env=given)
    assert (ended.code, ended.out.splitlines()[-1]) == (0, used)


def test_a_terminal_that_cannot_write_over_a_line_gets_none(
    melcli: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch, sounds: Path, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "dumb")
    assert "\r" not in melcli("extract", sounds, *LIGHT, "-o", tmp_path / "out").err


def test_a_failure_is_counted_below_its_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "_columns", lambda: 50)
    listener = Progress("bar", quiet=False, verbose=False)
    report = Report(out="OUT", to_do=8)
    listener.planned(report)
    report.failed = 1
    listener.warned("a line above")
    before, _, after = capsys.readouterr().err.partition("warning: a line above\n")
    assert "\r0 failed  " in before
    assert before.endswith(" \r")  # the line was taken away
    assert after.startswith("\r1 failed  ")
    assert "1 of 8 files" in after


@pytest.mark.parametrize(
    "number, batches, said",
    [
        (2, 2, "finishing 2 batches; press Ctrl-C again to stop now\n"),
        (2, 1, "finishing 1 batch; press Ctrl-C again to stop now\n"),
        (15, 3, "finishing 3 batches; send the signal again to stop now\n"),
    ],
)
def test_a_signal_is_answered_at_once(capsys: pytest.CaptureFixture[str], number: int, batches: int, said: str) -> None:
    Progress("lines", quiet=False, verbose=False).stopping(Report(out="OUT", signal_number=number), batches)
    assert capsys.readouterr().err == said
