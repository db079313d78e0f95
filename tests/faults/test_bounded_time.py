"""Reads that hang and workers that are stopped: a run ends within the limits that it was given.

Rows of the table of faults: a worker hangs; Ctrl-C once, twice, during start, during commit.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.cli.shell import Ended, Run, start
from tests.elapsed import Stopwatch, stretch, wait
from tests.faults.hanging import BEFORE, MARKER, ROOT
from tests.faults.loops import Tally, loop
from tests.faults.processes import wait_for_file, workers_of
from tests.faults.work import Corpus, Work, kill_all
from tests.run.corpus import LIGHT, plant, rows
from tests.run.invariants import check_after_fault, check_finished, check_nobody_left
from tests.tiers import full_but

ITEM_S = 0.5
MAX_TIME_S = 4.0
AFTER_MAX_TIME_S = 12.0  # in which a run has to end that has come to --max-time
NOTICED_S = 6.0  # beyond the time for an item, in which a stopped worker is noticed and replaced
AT_ONCE_S = 2.0  # in which a run ends after a second signal
BETWEEN_S = 0.3
GOOD = [f"{number:02}.wav" for number in range(6)]


@contextmanager
def started(*arguments: Any, out: Path | None, **options: Any) -> Iterator[Run]:
    """Start a run, and leave nothing of it behind a failed test."""
    run = start(*arguments, out=out, **options)
    try:
        yield run
    finally:
        kill_all(run)


def end_within(run: Run, seconds: float, watch: Stopwatch) -> Ended:
    """Wait for the end of a run, which may take so long since the watch was started."""
    wait(run.process, seconds - watch.quiet_s)
    check_nobody_left(run.process.pid)
    return run.end()


@pytest.mark.full
@pytest.mark.parametrize("hang, format_", [("hang_header", "hdf5"), ("hang_decode", "npy")])
def test_a_read_that_hangs(tmp_path: Path, hang: str, format_: str) -> None:
    """It costs the time that an item may take, and no more than --max-time: also where a plan needs all headers."""
    plant(tmp_path / "in", *GOOD, f"03x.{hang}.wav")
    stretched = stretch()
    max_time_s = MAX_TIME_S * stretched
    limits = ("--timeout-per-item", f"{ITEM_S * stretched:.2f}s", "--max-time", f"{max_time_s:.1f}s")
    watch = Stopwatch()
    with started(
        *("extract", tmp_path / "in", *LIGHT, "-j", "2", "-f", format_, *limits),
        out=tmp_path / "out",
        before=BEFORE,
        env={"PYTHONPATH": ROOT},
    ) as run:
        ended = end_within(run, max_time_s + AFTER_MAX_TIME_S, watch)
    check_after_fault(tmp_path / "out", said=ended.err)
    assert ended.code in {3, 10}, ended
    found = {row["id"]: row["reason"] for row in rows(tmp_path / "out").values() if row["status"] == "failed"}
    assert found == {f"03x.{hang}": "timeout"} or (ended.code == 10 and not found)
    if ended.code == 3:
        check_finished(tmp_path / "out")
        assert len(rows(tmp_path / "out")) == len(GOOD) + 1


@pytest.mark.full
@loop(quick=1, soak=40)
@pytest.mark.parametrize("format_", ["npy", "hdf5"])
def test_stopped_at_work(rounds: int, seed: int, tally: Tally, tmp_path: Path, corpus: Corpus, format_: str) -> None:
    """SIGSTOP of a worker with a short --timeout-per-item: it is replaced within seconds, and nothing is blamed."""
    chance = random.Random(f"stopped at work {format_} {seed}")
    work = Work(corpus, tmp_path / "out", format_, keeps=False)
    longest_s = 0.0
    for _ in range(rounds):
        with work.round(tally):
            item_s = ITEM_S * stretch()
            watch = Stopwatch()
            run = work.start("--timeout-per-item", f"{item_s:.2f}s")
            run.wait_for_rows(1)
            time.sleep(chance.uniform(0, work.whole_s / 4))
            with suppress(ProcessLookupError, IndexError):
                os.kill(chance.choice(workers_of(run)), signal.SIGSTOP)
            ended = end_within(run, work.whole_s + item_s + NOTICED_S, watch)
            longest_s = max(longest_s, watch.quiet_s - work.whole_s)
            work.check_through(ended)
    tally.note(f"at most {longest_s:.1f} s longer than a run that nothing disturbs")


@pytest.mark.parametrize(
    "where",
    full_but(["workers that never start", "hang_header", "hang_decode", "verify"], "hang_decode"),
)
def test_a_second_signal_anywhere(tmp_path: Path, where: str) -> None:
    """It ends a run within 2 s: while workers start, while headers are read, while items are done, in a check."""
    marker, out = tmp_path / "marker", tmp_path / "out"
    environment = {"PYTHONPATH": ROOT, MARKER: str(marker)}
    arguments: tuple[Any, ...] = ("extract", tmp_path / "in", *LIGHT, "-j", "2", "-f", "hdf5")
    before = BEFORE
    plant(tmp_path / "in", *GOOD)
    if where == "verify":
        with started(*arguments, out=out) as run:
            assert run.end().code == 0
        arguments = ("verify", out, "--recompute", "100%", "-j", "2")
    if where in {"verify", "workers that never start"}:
        environment["PYTHONPATH"], before = str(never_imported(tmp_path / "lib", marker)), ""
    else:
        plant(tmp_path / "in", f"03x.{where}.wav")
    with started(*arguments, out=None if where == "verify" else out, before=before, env=environment) as run:
        assert wait_for_file(marker, run), run.end()
        time.sleep(BETWEEN_S)
        run.signal(signal.SIGINT, whole_group=True)
        time.sleep(BETWEEN_S)
        watch = Stopwatch()
        if run.process.poll() is None:
            run.signal(signal.SIGINT, whole_group=True)
        ended = end_within(run, AT_ONCE_S, watch)
    # The second one may come while the interpreter ends, and then it has its usual effect: 130 in a shell, too.
    assert ended.code in {130, -signal.SIGINT}, ended
    assert "Traceback" not in ended.err
    check_after_fault(out, said=ended.err)


def never_imported(folder: Path, marker: Path) -> Path:
    """Make a folder for PYTHONPATH in which scipy takes for ever, as on a network disk that no longer answers."""
    (folder / "scipy").mkdir(parents=True)
    code = f"import time\nopen({str(marker)!r}, 'w').close()\ntime.sleep(3600)\n"
    (folder / "scipy" / "__init__.py").write_text(code)
    return folder
