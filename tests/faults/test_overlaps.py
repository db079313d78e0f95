"""Two runs that are started on one OUT at the same time, some of them killed.

Row of the table of faults: two runs at once, a thousand times, some killed.
"""

from __future__ import annotations

import random
import shutil
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cli.shell import Ended, start
from tests.elapsed import HANG_S, Stopwatch
from tests.faults.loops import Tally, loop
from tests.faults.work import OVER, Corpus, kill_all
from tests.run.invariants import check_after_fault, check_after_rerun, check_nobody_left, check_printed

BUSY = 75
AT_ONCE_S = 1.0  # in which the second run has to end once the first one holds OUT
MOST_APART_S = 0.1
OK = 16  # files of the fixture `light` that are good


@dataclass(frozen=True)
class Kill:
    """SIGKILL of a run, so many seconds after the first one was started."""

    after_s: float
    whole_group: bool


@pytest.mark.full
@loop(quick=2, soak=1000)
def test_overlaps(rounds: int, seed: int, tally: Tally, tmp_path: Path, light: Corpus) -> None:
    """Two runs started at the same time, some killed.

    One works, and the other ends with 75 at once, or works once the first one is over.
    """
    chance = random.Random(f"overlaps {seed}")
    refused = killed = 0
    for number in range(rounds):
        with tally.round():
            out = tmp_path / str(number)
            format_ = chance.choice(("npy", "hdf5"))
            undisturbed = light.undisturbed(format_)
            pair = Pair(light, out, format_, apart_s=chance.choice((0.0, chance.uniform(0, MOST_APART_S))))
            try:
                pair.go(random_kills(chance, undisturbed.whole_s))
                refused += pair.check(undisturbed.tree).count(BUSY)
                killed += len(pair.killed)
            finally:
                pair.stop()
                shutil.rmtree(out, ignore_errors=True)
    tally.note(f"{refused} runs ended with 75, {killed} were killed")


class Pair:
    """Two runs on one OUT."""

    def __init__(self, corpus: Corpus, out: Path, format_: str, *, apart_s: float) -> None:
        self.out = out
        self.arguments = ("extract", corpus.sounds, *corpus.settings, "-f", format_)
        self.watch = Stopwatch()
        self.runs = [start(*self.arguments, out=out)]
        time.sleep(apart_s)
        self.runs.append(start(*self.arguments, out=out))
        self.killed: set[int] = set()
        self.held: dict[int, Stopwatch] = {}  # since when each holds OUT
        self.ended_s: dict[int, float] = {}  # how long after the other one held OUT each ended

    def go(self, kills: dict[int, Kill]) -> None:
        """Wait for both to end, and kill those that are to be killed if they still go on then."""
        while len(self.ended_s) < len(self.runs):
            now_s = self.watch.wall_s
            assert self.watch.quiet_s < HANG_S, "hung"
            for number, run in enumerate(self.runs):
                if number in self.ended_s:
                    continue
                if run.process.poll() is not None:
                    self.ended_s[number] = self.held[1 - number].quiet_s if 1 - number in self.held else 0.0
                elif number in kills and now_s > kills[number].after_s and number not in self.killed:
                    self.killed.add(number)
                    run.signal(signal.SIGKILL, whole_group=kills[number].whole_group)
            self._look_at_locks()
            time.sleep(0.004)

    def check(self, undisturbed: Mapping[str, bytes]) -> list[int]:
        """Hold the ends of both and what they left against what has to be; return the codes of those not killed."""
        ended = {number: run.end() for number, run in enumerate(self.runs)}
        for number, run in enumerate(self.runs):
            check_nobody_left(run.process.pid)
            check_printed(ended[number].err)
        codes = {number: ended[number].code for number in ended if number not in self.killed}
        assert set(codes.values()) <= {OVER, BUSY}, ended
        for number in codes:
            if codes[number] == BUSY:
                self._check_prompt(number)
        assert self.killed or OVER in codes.values(), ended
        self._check_one_worked(codes, ended)
        if OVER not in codes.values():
            check_after_fault(self.out)
            assert start(*self.arguments, out=self.out).end().code == OVER
        check_after_rerun(self.out, undisturbed)
        return list(codes.values())

    def stop(self) -> None:
        """Leave nothing running."""
        for run in self.runs:
            kill_all(run)

    def _check_prompt(self, number: int) -> None:
        assert 1 - number in self.held, "refused, though nobody held OUT"
        assert self.ended_s[number] < AT_ONCE_S, "refused too late"

    def _check_one_worked(self, codes: Mapping[int, int], ended: Mapping[int, Ended]) -> None:
        """Where both came through, one of them found all done."""
        if list(codes.values()) == [OVER, OVER]:
            unchanged = f"({OK} unchanged)"
            assert sum(unchanged in ended[number].last_line for number in codes) == 1, ended

    def _look_at_locks(self) -> None:
        """Read from the system who holds a lock, without touching it."""
        pids = {run.process.pid: number for number, run in enumerate(self.runs) if number not in self.ended_s}
        lines = [line.split() for line in Path("/proc/locks").read_text().splitlines()]
        holding = {pids[int(words[4])] for words in lines if words[1] == "FLOCK" and int(words[4]) in pids}
        assert len(holding) < 2, "both hold OUT"
        for number in holding:
            self.held.setdefault(number, Stopwatch())


def random_kills(chance: random.Random, whole_s: float) -> dict[int, Kill]:
    """Choose which of the two are killed, and when; in a third of rounds neither is."""
    whom = chance.choice(((), (0,), (1,), (0, 1), (), (chance.randrange(2),)))
    return {number: Kill(chance.uniform(0, whole_s), chance.random() < 0.5) for number in whom}
