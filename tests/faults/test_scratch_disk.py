"""Faults of the disk of the scratch database: a run ends with 6, blames no input, and its repeat is as undisturbed.

Rows of the faults: disk full, EIO at the N-th open and write; SIGKILL while it is written.
"""

from __future__ import annotations

import errno
import random
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.shell import Ended, start
from tests.elapsed import Stopwatch, wait
from tests.faults.failing_calls import FailingCalls, compiled
from tests.faults.loops import Tally, loop
from tests.run.corpus import LIGHT, plant, tree
from tests.run.invariants import check_after_fault, check_after_rerun
from tests.store.rows import rows_of

NUM_FILES = 300
# Nearly every statement writes if the cache holds one page.
SMALL_CACHE = "import melcli.scratch; melcli.scratch.CACHE_BYTES = 1024"


@pytest.mark.full
@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO])
@loop(quick=4, soak=120)
def test_a_failing_scratch_disk(
    rounds: int, tally: Tally, tmp_path: Path, melcli: Callable[..., Ended], error: int
) -> None:
    """The disk of the scratch database is full, or fails, at the N-th open or write."""
    plant(tmp_path / "in", *[f"{number:03}.wav" for number in range(NUM_FILES)], seconds=0.05)
    scratch, out = tmp_path / "scratch", tmp_path / "out"
    scratch.mkdir()
    command = ("extract", tmp_path / "in", *LIGHT, "-f", "hdf5", "-q", "-j", "1")
    failing = FailingCalls(compiled(tmp_path), tmp_path)

    def run(kind: str = "", at: int = 0) -> Ended:
        environment = failing.environment(scratch, kind, at, error=error, on=error == errno.ENOSPC)
        environment["SQLITE_TMPDIR"] = str(scratch)
        return start(*command, out=out, before=SMALL_CACHE, env=environment).end()

    assert run().code == 0
    undisturbed, counts = tree(out), failing.counts()
    assert counts["write"] > 100
    places = [(kind, at) for kind in ("open", "write") for at in range(1, counts[kind] + 1)]
    for kind, at in places[:: max(1, len(places) // rounds)][:rounds]:
        with tally.round():
            shutil.rmtree(out)
            ended = run(kind, at)
            check_after_fault(out, said=ended.err)
            assert (ended.code, list(scratch.iterdir())) == (6, []), ended.err
            assert f"cannot write a temporary file in {scratch}: " in ended.err
            assert [row.id for row in rows_of(out) if row.status == "failed"] == []
            assert melcli(*command, "-o", out).code == 0
            check_after_rerun(out, undisturbed)


@pytest.mark.full
@loop(quick=3, soak=120)
def test_killed_with_a_scratch_database(
    rounds: int, seed: int, tally: Tally, tmp_path: Path, melcli: Callable[..., Ended]
) -> None:
    """SIGKILL while the scratch database is written: nothing is left of it."""
    chance = random.Random(f"scratch {seed}")
    plant(tmp_path / "in", *[f"{number:03}.wav" for number in range(NUM_FILES)], seconds=0.05)
    scratch, out = tmp_path / "scratch", tmp_path / "out"
    scratch.mkdir()
    command = ("extract", tmp_path / "in", *LIGHT, "-f", "hdf5", "-q", "-j", "1")
    environment = {"SQLITE_TMPDIR": str(scratch)}
    watch = Stopwatch()
    assert start(*command, out=out, before=SMALL_CACHE, env=environment).end().code == 0
    whole_s, undisturbed = watch.wall_s, tree(out)
    for _ in range(rounds):
        with tally.round():
            shutil.rmtree(out, ignore_errors=True)
            run = start(*command, out=out, before=SMALL_CACHE, env=environment)
            time.sleep(chance.uniform(0, whole_s))
            run.process.send_signal(signal.SIGKILL)
            wait(run.process)
            run.end()
            assert list(scratch.iterdir()) == []
            if out.exists():
                check_after_fault(out)
            assert melcli(*command, "-o", out).code == 0
            check_after_rerun(out, undisturbed)
