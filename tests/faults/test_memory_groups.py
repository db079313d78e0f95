"""Runs in control groups that have too little memory, or too few processes, for the workers that they ask for.

Row of the table of faults: a worker is killed for memory.  The sounds are so small that whatever worker comes up can do
each of them: no input is to blame, whoever the kernel kills.
"""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest

from tests.cli.shell import Ended, start
from tests.elapsed import Stopwatch, wait
from tests.faults.groups import memory_group, pids_group
from tests.faults.loops import Tally, loop
from tests.faults.work import OVER, Corpus, Work
from tests.run.corpus import plant
from tests.tiers import full_but

WORKERS = ("-j", "4")
LEAST_BYTES, MOST_BYTES = 60_000_000, 140_000_000
FEWEST_PIDS, MOST_PIDS = 8, 12
GAVE_UP = (6, 7)  # exit codes: storage, or the system, failed; workers keep dying
BOUND_S = 30.0  # for a second of work
OF_MEMORY = re.compile(r"\bmemory\b", re.IGNORECASE)
OF_PROCESSES = re.compile(r"limit|pids|temporarily unavailable", re.IGNORECASE)


@pytest.mark.full
@loop(quick=1, soak=200)
def test_memory_groups(rounds: int, seed: int, tally: Tally, tmp_path: Path, light: Corpus) -> None:
    """Four workers in a memory control group of 60 to 140 MB: the work is done, or the run says why not."""
    chance = random.Random(f"memory groups {seed}")
    works = [Work(light, tmp_path / format_, format_, *WORKERS) for format_ in ("npy", "hdf5")]
    done = killed = 0
    longest_s = 0.0
    for _ in range(rounds):
        work = chance.choice(works)
        with work.round(tally), memory_group(chance.randint(LEAST_BYTES, MOST_BYTES)) as group:
            watch = Stopwatch()
            ended = check(work, group.enter, OF_MEMORY)
            longest_s = max(longest_s, watch.quiet_s)
            killed += group.oom_kills
            done += ended.code == OVER
            if ended.code != OVER:
                work.come_through()  # outside of the group
    tally.note(f"{done} of {rounds} runs did all; the kernel killed {killed} processes; longest {longest_s:.1f} s")


@pytest.mark.full
@loop(quick=1, soak=50)
def test_pids_groups(rounds: int, seed: int, tally: Tally, tmp_path: Path, light: Corpus) -> None:
    """Four workers in a control group of 8 to 12 processes and threads: fewer do it, or the run names the limit."""
    chance = random.Random(f"pids groups {seed}")
    works = [Work(light, tmp_path / format_, format_, *WORKERS) for format_ in ("npy", "hdf5")]
    done = 0
    for _ in range(rounds):
        work = chance.choice(works)
        with work.round(tally), pids_group(chance.randint(FEWEST_PIDS, MOST_PIDS)) as group:
            ended = check(work, group.enter, OF_PROCESSES)
            done += ended.code == OVER
            if ended.code != OVER:
                work.come_through()
    tally.note(f"{done} of {rounds} runs did all")


@pytest.mark.full
def test_a_group_that_is_too_small_is_named_at_the_start(tmp_path: Path, light: Corpus) -> None:
    """The limits of real groups; what is done with them `test_capacity` checks."""
    with memory_group(100_000_000) as memory:
        ended = Work(light, tmp_path / "1", "npy", *WORKERS).start(before=memory.enter).end()
        assert "warning: the memory limit of this control group is 100 MB; 4 workers need at least" in ended.err
    with pids_group(FEWEST_PIDS) as pids:
        ended = Work(light, tmp_path / "2", "npy", *WORKERS).start(before=pids.enter).end()
        assert "warning: too few processes and threads: the control group allows only" in ended.err


def check(work: Work, enter: str, named: re.Pattern[str]) -> Ended:
    """Start a run in a group, and hold its end against the oracle.

    All is done; or the run says in its last line what it met, and nothing is blamed: `Work` refuses every row that
    failed, but for the one bad input.
    """
    run = work.start(before=enter)
    wait(run.process, BOUND_S)
    ended = work.check_stopped(run)
    assert "Traceback" not in ended.err, ended.err
    if ended.code == OVER:
        work.check_through(ended)
    else:
        assert ended.code in GAVE_UP, ended
        assert named.search(ended.err), ended.err
    return ended


DATA_LIMITS_MB = (130, 160)  # with less, OpenBLAS waits for memory for ever: the start takes its full timeout


@pytest.mark.full
@pytest.mark.parametrize("limit_mb", full_but(DATA_LIMITS_MB, 130))
def test_a_limit_on_the_data_of_a_process_blames_no_input(tmp_path: Path, limit_mb: int) -> None:
    """With 130 MB, OpenBLAS ended the worker at the first product of a certain size, and every input was blamed."""
    plant(tmp_path / "in", "a.wav", "b.wav", seconds=2.0)
    limit = f"import resource; resource.setrlimit(resource.RLIMIT_DATA, ({limit_mb * 1_000_000},) * 2)"
    ended = start("extract", tmp_path / "in", "-j", "1", out=tmp_path / "out", before=limit).end()
    assert ended.code in {0, 7}, ended
    assert "decoder_crash" not in ended.err
    if ended.code == 7:
        assert OF_MEMORY.search(ended.err), ended.err
