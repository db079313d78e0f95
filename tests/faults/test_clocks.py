"""Clocks that go back, and times that are set back.

Row of the table of faults: clock goes back, mtime restored with other content.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.shell import Ended, run_alone
from tests.faults.loops import Tally, loop
from tests.faults.work import OVER, Corpus
from tests.run.corpus import LIGHT, encode, noise, plant, rows, signs, tree
from tests.run.invariants import check_after_rerun, check_finished

DAY_S = 86_400
# Python that lets the wall clock of a run's own process go back by up to three days, again and again.
WANDERING_CLOCK = """
import itertools, random, time
now_s, chance = time.time, random.Random({seed!r})
time.time = lambda: now_s() - chance.uniform(0, 3 * 86_400)
time.time_ns = lambda: round(1e9 * time.time())
"""


@loop(quick=1, soak=60)
def test_clocks_that_go_back(
    rounds: int, seed: int, tally: Tally, tmp_path: Path, melcli: Callable[..., Ended]
) -> None:
    """Content changed, and its time of change goes back, or is restored.

    The first is always seen; what keeps its size and gets its old time again is seen with --checksum and, as the
    README says, not without.
    """
    chance = random.Random(f"clocks {seed}")
    for number in range(rounds):
        with tally.round():
            sounds, out = tmp_path / str(number), tmp_path / f"{number}.out"
            paths = plant(sounds, "a.wav", "b.flac", "c.wav", "d.wav", seconds=0.1, seed=number)
            assert melcli("extract", sounds, *LIGHT, "--checksum", "-o", out).code == 0
            before = rows(out)
            changed = chance.choice(paths[:1] + paths[2:])  # a WAV of another sound has the same size
            restored = chance.random() < 0.5
            old_ns = changed.stat().st_mtime_ns
            changed.write_bytes(encode(noise(chance.randrange(2**30), seconds=0.1), ".wav"))
            new_ns = old_ns if restored else old_ns - chance.randrange(1, 10**9 * DAY_S)
            os.utime(changed, ns=(new_ns, new_ns))
            plan = signs(melcli("extract", sounds, *LIGHT, "-nv", "-o", out).out)
            assert plan.get(changed.stem, "=") == ("=" if restored else "*")
            assert melcli("extract", sounds, *LIGHT, "--checksum", "-o", out).code == 0
            check_finished(out)
            now = rows(out)
            assert {item_id for item_id in now if now[item_id]["crc32"] != before[item_id]["crc32"]} == {changed.stem}


@pytest.mark.full
@loop(quick=1, soak=20)
def test_a_clock_that_goes_back_during_a_run(
    rounds: int, seed: int, tally: Tally, tmp_path: Path, corpus: Corpus
) -> None:
    """Clock goes back again and again during a run."""
    for number in range(rounds):
        with tally.round():
            out = tmp_path / str(number)
            clock = WANDERING_CLOCK.format(seed=f"wandering {seed} {number}")
            ended = run_alone("extract", corpus.sounds, *corpus.settings, out=out, before=clock)
            assert ended.code == OVER, ended
            check_after_rerun(out, corpus.undisturbed("npy").tree, said=ended.err)
            assert tree(out)["melcli.yaml"]
