"""SIGKILL at any time: of the whole run, and of the parent alone.

Rows of the table of faults: SIGKILL of the whole run at a random time; SIGKILL of the parent alone.
"""

from __future__ import annotations

import os
import random
import signal
from pathlib import Path

import pytest

from tests.cli.shell import Run
from tests.elapsed import wait
from tests.faults.loops import Tally, loop
from tests.faults.work import Corpus, PartsCorpus, Work, goes_on_for
from tests.tiers import full_but


@loop(quick=1, soak=500)
@pytest.mark.parametrize("format_", full_but(["npy", "hdf5"], "hdf5"))
@pytest.mark.parametrize("whom", full_but(["the whole group", "the parent alone"], "the whole group"))
def test_kills(rounds: int, seed: int, tally: Tally, tmp_path: Path, corpus: Corpus, format_: str, whom: str) -> None:
    """SIGKILL at a random time.

    From the first moment of a run's start to after its end.  What is left is gone on with by the next run; one that
    comes through has to leave the bytes of an undisturbed one.
    """
    chance = random.Random(f"kills {format_} {whom} {seed}")
    check_kills(rounds, chance, tally, Work(corpus, tmp_path / "out", format_), whom)


@loop(quick=1, soak=200)
@pytest.mark.parametrize("format_", full_but(["npy", "hdf5"], "npy"))
def test_kills_among_parts(
    rounds: int, seed: int, tally: Tally, tmp_path: Path, parts: PartsCorpus, format_: str
) -> None:
    """SIGKILL of the whole run while it extracts parts of recordings that a table lists."""
    chance = random.Random(f"kills among parts {format_} {seed}")
    check_kills(rounds, chance, tally, Work(parts, tmp_path / "out", format_), "the whole group")


def check_kills(rounds: int, chance: random.Random, tally: Tally, work: Work, whom: str) -> None:
    killed = 0
    for _ in range(rounds):
        with work.round(tally):
            run = work.start()
            if goes_on_for(run, chance.uniform(0, work.whole_s)):
                kill(run, whom)
                killed += 1
                work.check_stopped(run)
            else:
                work.check_through(run.end())
    with work.round(tally):
        work.come_through()
    tally.note(f"{killed} kills met a run at work, {work.through} runs came through")
    tally.note(f"finished and not yet written down: {work.worst_lost} files at most")


def kill(run: Run, whom: str) -> None:
    if whom == "the parent alone":
        run.process.kill()
    else:
        os.killpg(run.process.pid, signal.SIGKILL)
    wait(run.process)
