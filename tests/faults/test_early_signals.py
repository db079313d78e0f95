"""Ctrl-C while a run starts, and while it ends.

Row of the table of faults: Ctrl-C once, twice, during start, during commit; here the first 100 ms, in which Python
imports, and the last 30 ms, in which the interpreter is taken down.
"""

from __future__ import annotations

import random
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import melcli
from tests.cli.shell import Ended, Run
from tests.elapsed import Stopwatch
from tests.faults.loops import Tally, loop
from tests.faults.processes import STARTS, empty, start_command, wait_for_file
from tests.faults.work import OVER, Corpus, goes_on_for, kill_all
from tests.run.invariants import check_after_fault, check_nobody_left, check_printed
from tests.tiers import full_but

START_S = 0.1
LAST_S = 0.03
AROUND = (0.8, 1.1)  # of the time that a run takes, where its end is aimed at without looking
TOLD = "melcli: stopped"
BY_SIGNAL = (130, -signal.SIGINT)
# Python's own start ends with 1 where it is interrupted in its module `site` or in `runpy`.
OF_PYTHON = 1
# What the interpreter says of itself before it runs any program; `site` runs what other packages have put there.
OF_START = ("Could not import runpy module", "Fatal Python error: init_import_site")
SWALLOWED_BY_START = "Failed checking if argv[0] is an import path entry"  # and it goes on
INTERRUPTED, SWALLOWED = "Python's own start was interrupted", "Python's own start swallowed it"
EXEMPT = (INTERRUPTED, SWALLOWED)
FRAME = re.compile(r'^ +File "(.+?)", line \d+', re.MULTILINE)


@pytest.mark.full
@loop(quick=1, soak=200)
@pytest.mark.parametrize("how", full_but(STARTS, "python -m melcli"))
def test_early_signals(
    *, rounds: int, seed: int, tally: Tally, tmp_path: Path, temporary: Path, light: Corpus, how: str
) -> None:
    """Ctrl-C in the first 100 ms: the run ends, without a traceback, and leaves nobody."""
    chance = random.Random(f"early signals {how} {seed}")
    ends: dict[str, int] = {}
    python_s = python_start_s()
    for _ in range(rounds):
        with tally.round():
            out = tmp_path / "out"
            shutil.rmtree(out, ignore_errors=True)
            empty(temporary)
            run = start_run(how, light, out, temporary)
            try:
                delay_s = chance.uniform(0, START_S)
                assert goes_on_for(run, delay_s), "ended by itself"
                run.signal(signal.SIGINT, whole_group=True)
                ended = run.end()
                check_nobody_left(run.process.pid)
                check_printed(ended.err)
                end = how_it_ended(ended, before_melcli=delay_s < python_s)
                ends[end] = ends.get(end, 0) + 1
                if end not in EXEMPT:
                    assert ended.code in BY_SIGNAL, f"swallowed: {ended}"
                    check_silent(ended)
                assert list(temporary.iterdir()) == []
                if out.exists():
                    check_after_fault(out)
            finally:
                kill_all(run)
    tally.note(", ".join(f"{count}: {end}" for end, count in sorted(ends.items())))


@pytest.mark.full
@loop(quick=1, soak=200)
@pytest.mark.parametrize("how", full_but(STARTS, "the installed script"))
def test_late_signals(
    *, rounds: int, seed: int, tally: Tally, tmp_path: Path, temporary: Path, light: Corpus, how: str
) -> None:
    """Ctrl-C in the last 30 ms and while the interpreter ends: no traceback, and the work is done or kept."""
    chance = random.Random(f"late signals {how} {seed}")
    met = 0
    ends: dict[int, int] = {}
    for number in range(rounds):
        with tally.round():
            out = tmp_path / "out"
            shutil.rmtree(out, ignore_errors=True)
            empty(temporary)
            run = start_run(how, light, out, temporary)
            try:
                if number % 2:
                    wait_for_last_moments(run)
                    delay_s = chance.uniform(0, LAST_S)
                else:
                    delay_s = light.undisturbed("npy").whole_s * chance.uniform(*AROUND)
                if goes_on_for(run, delay_s):
                    run.signal(signal.SIGINT, whole_group=True)
                    met += 1
                ended = run.end()
                check_nobody_left(run.process.pid)
                check_printed(ended.err)
                ends[ended.code] = ends.get(ended.code, 0) + 1
                assert ended.code in {OVER, *BY_SIGNAL}, ended
                assert "Traceback" not in ended.err, ended.err
                assert "Exception ignored" not in ended.err, ended.err
                assert ended.err.count(TOLD) <= 1, ended.err
                assert list(temporary.iterdir()) == []
                check_after_fault(out)
            finally:
                kill_all(run)
    codes = ", ".join(f"{count} with {code}" for code, count in sorted(ends.items()))
    tally.note(f"{met} signals met a run; they ended: {codes}")


def start_run(how: str, light: Corpus, out: Path, temporary: Path) -> Run:
    arguments = ("extract", light.sounds, *light.settings, "-f", "npy", "-o", out)
    return start_command(how, *arguments, out=out, env={"TMPDIR": str(temporary)})


def wait_for_last_moments(run: Run) -> None:
    """Return when all that a run does under OUT is done: its journal came and is gone."""
    journal = run.out / ".melcli" / "journal.jsonl"
    if wait_for_file(journal, run):
        wait_for_file(journal, run, exists=False)


def python_start_s() -> float:
    """Return how long an empty program takes: until then a signal may meet Python alone."""
    watch = Stopwatch()
    subprocess.run([sys.executable, "-c", ""], check=True)
    return watch.wall_s


def how_it_ended(ended: Ended, *, before_melcli: bool) -> str:
    """Say who took the signal.

    A signal can come before a line of melcli has run.  Then Python itself is interrupted, and prints what it likes:
    that is its own start where it names no file of melcli's and none of an installed library.  The script that pip
    writes is the installation's, and exempt as well.  Where the signal meets a callback of Python's importer, it is
    lost: that is exempt only where it was sent before melcli can have begun.
    """
    if ended.code == -signal.SIGINT and not ended.err:
        return "ended by the system, without a word"
    if ended.code in {OF_PYTHON, *BY_SIGNAL} and is_pythons_own(ended.err):
        return INTERRUPTED
    if ended.code == OVER and (
        (before_melcli and "Exception ignored" in ended.err) or ended.err.startswith(SWALLOWED_BY_START)
    ):
        return SWALLOWED
    return "melcli took it"


def is_pythons_own(said: str) -> bool:
    if not said or TOLD in said or "Exception ignored" in said:
        return False
    package = str(Path(melcli.__file__).parent)
    frames = FRAME.findall(said)
    if any(frame.startswith(package) for frame in frames):
        return False
    if said == "KeyboardInterrupt\n" or said.startswith(OF_START):
        return True
    return bool(frames) and not any("site-packages" in frame for frame in frames)


def check_silent(ended: Ended) -> None:
    """Nothing is printed but at most the one line that says who stopped the run."""
    lines = ended.err.splitlines()
    assert len(lines) <= 1, ended.err
    assert all(line.startswith(TOLD) for line in lines), repr(ended.err)
    assert not ended.out
