"""One process of a run is killed, of whatever kind and age; the run goes on without it.

Row of the table of faults: a worker dies mid-file; here nothing that it decodes is the reason.  Half of the kills fall
into the first 50 ms after a process was started, when it is between fork and exec, imports, or says that it is ready.
"""

from __future__ import annotations

import random
import signal
import time
from pathlib import Path

import pytest

from tests.cli.shell import Run
from tests.elapsed import HANG_S
from tests.faults.loops import Tally, loop
from tests.faults.processes import descendants, kill_any, kill_one, wait_for_newborn
from tests.faults.work import Corpus, Work, goes_on_for
from tests.run.invariants import check_nobody_left
from tests.tiers import full_but

NEWBORN_S = 0.05  # most kills of newborns come far earlier
AT_BIRTH_S = 0.005
NO_MORE_S = 2.0  # after the last one was started, that a run needs no more
MOST_KILLS = 4  # in one run, where it is several
MOST_IN_A_ROW = 3  # newborns
NUMBERS = (signal.SIGKILL, signal.SIGKILL, signal.SIGKILL, signal.SIGSEGV)


@pytest.mark.full
@loop(quick=1, soak=500)
@pytest.mark.parametrize("format_", full_but(["npy", "hdf5"], "npy"))
def test_single_kills(rounds: int, seed: int, tally: Tally, tmp_path: Path, corpus: Corpus, format_: str) -> None:
    """One process of a run, any but the driver, is killed at any time, half of them newborn: it costs only time."""
    chance = random.Random(f"single kills {format_} {seed}")
    work = Work(corpus, tmp_path / "out", format_)
    births = count_births(work)
    struck = {"newborn": 0, "beside a newborn": 0, "at any time": 0}
    for _ in range(rounds):
        how = chance.choice(("newborn", "newborn", "beside a newborn", "at any time"))
        with work.round(tally):
            run = work.start()
            struck[how] += strike(run, how, chance, work.whole_s, births)
            check_costs_only_time(work, run)
    tally.note(", ".join(f"{count} {how}" for how, count in struck.items()))


@pytest.mark.full
@loop(quick=1, soak=100)
@pytest.mark.parametrize("format_", ["npy", "hdf5"])
def test_several_kills(rounds: int, seed: int, tally: Tally, tmp_path: Path, corpus: Corpus, format_: str) -> None:
    """Several processes of one run are killed, one after another, newborn or not: it costs only time."""
    chance = random.Random(f"several kills {format_} {seed}")
    work = Work(corpus, tmp_path / "out", format_)
    births = count_births(work)
    struck = 0
    for _ in range(rounds):
        with work.round(tally):
            run = work.start()
            for _ in range(chance.randint(2, MOST_KILLS)):
                how = chance.choice(("newborn", "beside a newborn", "at any time"))
                struck += strike(run, how, chance, work.whole_s / MOST_KILLS, births)
            check_costs_only_time(work, run)
    tally.note(f"{struck} kills")


@pytest.mark.full
@loop(quick=1, soak=100)
@pytest.mark.parametrize("workers", full_but([1, 2], 2))
def test_newborn_kills_in_a_row(
    rounds: int, seed: int, tally: Tally, tmp_path: Path, corpus: Corpus, workers: int
) -> None:
    """Processes of a run are killed newborn, up to three in a row: it costs only time."""
    chance = random.Random(f"newborn kills {workers} {seed}")
    works = [Work(corpus, tmp_path / format_, format_, "-j", str(workers)) for format_ in ("npy", "hdf5")]
    struck = 0
    for _ in range(rounds):
        work = chance.choice(works)
        with work.round(tally):
            run = work.start()
            known: list[int] = []
            for _ in range(chance.choice((0, 0, 1, 2))):  # that are let live
                known += [process for process in [wait_for_newborn(run, known, within_s=NO_MORE_S)] if process]
            for _ in range(chance.randint(1, MOST_IN_A_ROW)):
                newborn = wait_for_newborn(run, known, within_s=NO_MORE_S if known else HANG_S)
                if newborn is None:
                    break
                known = [*descendants(run), newborn]
                time.sleep(NEWBORN_S * chance.random() ** 2)
                struck += kill_one(newborn)
            check_costs_only_time(work, run)
    tally.note(f"{struck} kills")


def count_births(work: Work) -> int:
    """Return how many processes a run that nothing disturbs starts; what lives for less than 1 ms does not count."""
    run = work.start()
    known: list[int] = []
    while (newborn := wait_for_newborn(run, known)) is not None:
        known.append(newborn)
    work.check_through(run.end())
    return len(known)


def strike(run: Run, how: str, chance: random.Random, whole_s: float, births: int) -> bool:
    """Kill one process, each of the first ``births`` with the same chance; return whether one was there."""
    number = chance.choice(NUMBERS)
    if how == "at any time":
        return goes_on_for(run, chance.uniform(0, whole_s)) and kill_any(run, chance, number)
    known: list[int] = descendants(run)
    number_of_birth = chance.randint(1, births)
    while (newborn := wait_for_newborn(run, known, within_s=NO_MORE_S if known else HANG_S)) is not None:
        known.append(newborn)
        if len(known) >= number_of_birth:
            break
    if newborn is None:  # all that it needs are there
        return kill_any(run, chance, number)
    if how == "newborn":
        time.sleep(NEWBORN_S * chance.random() ** 2)
        return kill_one(newborn, number)
    time.sleep(chance.uniform(0, AT_BIRTH_S))
    others = [process for process in descendants(run) if process != newborn]
    return kill_one(chance.choice(others or [newborn]), number)


def check_costs_only_time(work: Work, run: Run) -> None:
    """Hold the run against the oracle: its usual exit code, nobody blamed, the bytes of an undisturbed one."""
    ended = run.end()
    assert "Traceback" not in ended.err, ended.err
    check_nobody_left(run.process.pid)
    work.check_through(ended)
