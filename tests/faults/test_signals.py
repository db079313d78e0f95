"""SIGINT, SIGTERM and SIGHUP at any time, once or twice, and a whole run that is stopped for a while.

Rows of the table of faults: Ctrl-C once, twice, during start, during commit; SIGTERM, SIGHUP.  And SIGSTOP of all
processes, as a laptop that is closed does.
"""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

import pytest

from melcli.run.engines import pool
from tests.cli.shell import Ended
from tests.elapsed import Stopwatch, stretch, wait
from tests.faults.loops import Tally, loop
from tests.faults.work import OVER, Corpus, Work, goes_on_for

NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
PROMPT_S = 12.0  # in which a run has to end after a signal
AT_ONCE_S = 2.0  # and after a second one
# The first and the second; what comes sooner counts as the same one: `melcli.run.interrupts.DUPLICATE_S`.
BETWEEN_S = (0.05, 0.3)
ITEM_S = 0.5
SUSPENDED_S = ITEM_S + pool.GRACE_S + 0.5  # after which a driver that counted it would end a worker


@pytest.mark.full
@loop(quick=2, soak=500)
def test_signals(rounds: int, seed: int, tally: Tally, tmp_path: Path, corpus: Corpus) -> None:
    """SIGINT, SIGTERM or SIGHUP at a random time, once or twice, to the parent or to all."""
    chance = random.Random(f"signals {seed}")
    works = [Work(corpus, tmp_path / format_, format_) for format_ in ("npy", "hdf5")]
    longest_s = {1: 0.0, 2: 0.0}
    for _ in range(rounds):
        work = chance.choice(works)
        with work.round(tally):
            number, whole_group, times = chance.choice(NUMBERS), chance.random() < 0.5, chance.choice((1, 1, 2))
            delay_s, between_s = chance.uniform(0, work.whole_s), chance.uniform(*BETWEEN_S)
            run = work.start()
            if not goes_on_for(run, delay_s):
                work.check_through(run.end())
                continue
            run.signal(number, whole_group=whole_group)
            if times == 2 and goes_on_for(run, between_s):
                run.signal(number, whole_group=whole_group)
            else:
                times = 1
            watch = Stopwatch()
            wait(run.process, PROMPT_S)
            took_s = watch.quiet_s
            assert times == 1 or took_s < AT_ONCE_S
            longest_s[times] = max(longest_s[times], took_s)
            if run.process.returncode == OVER:
                work.check_through(run.end())
            else:
                check_told(work, work.check_stopped(run), number, times)
    for work in filter(lambda work: work.is_started, works):
        with work.round(tally):
            work.come_through()
    tally.note(f"ended after one within {longest_s[1]:.2f} s, after a second one within {longest_s[2]:.2f} s")


def check_told(work: Work, ended: Ended, number: signal.Signals, times: int) -> None:
    """Hold code and last line against what was sent.

    Before melcli has begun, and when it has ended, Python itself does what the system does by default, which a shell
    gives the same code.
    """
    if ended.code == -number:
        journal = work.out / ".melcli" / "journal.jsonl"
        assert times == 2 or not work.is_begun or not journal.exists(), ended  # a second one can meet the very end
        return
    if ended.code == 1 and ended.err.startswith("Could not import runpy module"):  # Python's own start
        assert not work.is_begun
        return
    assert ended.code == 128 + number, ended
    if times == 2:  # at once, so without a word
        return
    assert not ended.err.strip() or ended.last_line.startswith("melcli: stopped"), ended.err


@pytest.mark.full
@loop(quick=1, soak=40)
def test_suspensions(rounds: int, seed: int, tally: Tally, tmp_path: Path, corpus: Corpus) -> None:
    """SIGSTOP of the whole run at a random time, longer than an item may take, and SIGCONT."""
    chance = random.Random(f"suspensions {seed}")
    works = [Work(corpus, tmp_path / format_, format_) for format_ in ("npy", "hdf5")]
    for _ in range(rounds):
        work = chance.choice(works)
        with work.round(tally):
            stretched = stretch()
            run = work.start("--timeout-per-item", f"{ITEM_S * stretched:.2f}")
            if goes_on_for(run, chance.uniform(0, work.whole_s)):
                os.killpg(run.process.pid, signal.SIGSTOP)
                time.sleep(SUSPENDED_S * stretched)
                os.killpg(run.process.pid, signal.SIGCONT)
            work.check_through(run.end())
