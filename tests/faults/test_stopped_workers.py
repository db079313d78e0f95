"""A worker that is stopped, as by a debugger or a suspended container, when its driver is killed.

Row of the table of faults: SIGKILL of the parent alone.
"""

from __future__ import annotations

import os
import random
import signal
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.cli.shell import Run
from tests.elapsed import wait
from tests.faults.loops import Tally, loop
from tests.faults.processes import descendants, wait_for_newborn, workers_of
from tests.faults.work import OVER, Corpus, Work, kill_all
from tests.run.corpus import times
from tests.run.invariants import alive, check_nobody_left
from tests.tiers import full_but

NEWBORN_S = 0.1
THAWED_S = 0.3  # in which a worker that goes on would write
YOUNG = "newborn"


@pytest.mark.full
@loop(quick=1, soak=50)
@pytest.mark.parametrize("age", full_but(["at work", YOUNG], "at work"))
def test_stopped_workers(rounds: int, seed: int, tally: Tally, tmp_path: Path, corpus: Corpus, age: str) -> None:
    """A worker is stopped and its driver killed: it is gone within 2 s, and writes nothing, also if it is continued.

    A newborn that is stopped before it has run any code of melcli's ends when it is continued.
    """
    chance = random.Random(f"stopped workers {age} {seed}")
    works = [Work(corpus, tmp_path / format_, format_) for format_ in ("npy", "hdf5")]
    for _ in range(rounds):
        work = chance.choice(works)
        with work.round(tally):
            run = work.start()
            try:
                if stop_one(run, chance, age):
                    run.process.kill()
                wait(run.process)
                check_gone(work, run, at_once=age != YOUNG)
            finally:
                kill_all(run)


def stop_one(run: Run, chance: random.Random, age: str) -> bool:
    """Stop a worker of that age; return whether there was one."""
    if age == YOUNG:
        first = wait_for_newborn(run)
        known = [first, *descendants(run)] if first is not None and chance.random() < 0.5 else []
        victim = wait_for_newborn(run, known, within_s=1.0)
        time.sleep(chance.uniform(0, NEWBORN_S))
    else:
        run.wait_for_rows(1)
        time.sleep(chance.uniform(0, 0.2))
        victim = chance.choice(workers_of(run) or [0])
    if not victim:
        return False
    with suppress(ProcessLookupError):
        os.kill(victim, signal.SIGSTOP)
    return True


def check_gone(work: Work, run: Run, *, at_once: bool) -> None:
    """Hold the killed run against the oracle, also after another one has finished the work.

    Parameters
    ----------
    work, run
        The run was killed.
    at_once : bool
        Whether its workers have to end though they are stopped; waiting for a newborn would take the whole limit.
    """
    problem = None
    try:
        if at_once:
            check_nobody_left(run.process.pid)
    except AssertionError as error:
        problem = error
    ended = work.start().end()
    assert ended.code == OVER, ended
    before = times(work.out)
    for process in alive(run.process.pid):
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGCONT)
    time.sleep(THAWED_S)
    assert times(work.out) == before, f"a thawed worker wrote into a finished OUT; before: {problem}"
    check_nobody_left(run.process.pid)
    if problem is not None:
        raise problem
    work.check_through(ended)
