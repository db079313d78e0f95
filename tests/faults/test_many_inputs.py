"""A great many inputs: the run starts within seconds, and its parent's memory is bounded.

Row of the faults: a million inputs.
"""

from __future__ import annotations

import json
import os
import shutil
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.cli.shell import Run, start
from tests.elapsed import Stopwatch
from tests.faults.damaged_sounds import in_memory
from tests.faults.loops import Tally, loop
from tests.run.corpus import LIGHT, encode, noise
from tests.run.invariants import check_nobody_left, check_printed

FOLDER = 5_000  # inputs of one folder
LINKS = 60_000  # of one file; ext4 allows 65,000
GOOD_EVERY = 100  # the others are empty, and cost next to nothing
MOST_MB = 150  # of the parent's memory, however many inputs there are
MOST_JSON_BYTES = 700  # for each input, where one JSON object lists them all
ROOM_BYTES = 9_000  # that an input and all that is written of it take, also in memory


@pytest.mark.full
@loop(default=1_000, quick=2_000, soak=1_000_000)
def test_a_great_many_inputs(rounds: int, tally: Tally) -> None:
    """A great many inputs."""
    with in_memory() as folder:
        free = shutil.disk_usage(folder).free
        if free < rounds * ROOM_BYTES:
            pytest.skip(f"{folder.parent} has {free / 1e9:.1f} GB free and {rounds * ROOM_BYTES / 1e9:.1f} are needed")
        good = _plant(folder / "in", rounds)
        command = ("extract", folder / "in", *LIGHT, "-q", "--json", "-j", "2")
        out = folder / "out"
        with tally.round():
            watch = Stopwatch()
            plan = _watch(start(*command, "-n", out=out), rounds, keep=False, each_bytes=MOST_JSON_BYTES)
            tally.note(f"plan {watch.wall_s:.1f} s, {plan['memory']}")
            assert plan["code"] == 0
        with tally.round():  # it starts, and stops where it is told to
            stopped = _watch(start(*command, "--max-failures", "100", out=out), rounds, until_rows=1)
            tally.note(f"first work done after {stopped['first_rows_s']:.1f} s, {stopped['memory']}")
            assert stopped["code"] == 7
            assert stopped["first_rows_s"] < 10 + rounds / 15_000
        with tally.round():
            watch = Stopwatch()
            run = _watch(start(*command, out=out), rounds)
            tally.note(f"run {watch.wall_s:.0f} s, {run['memory']}")
            assert run["code"] == 3
            assert (run["told"]["ok"], run["told"]["failed"]) == (good, rounds - good)
            assert _count_rows(out) == rounds
        with tally.round():
            watch = Stopwatch()
            again = _watch(start(*command, out=out), rounds)
            tally.note(f"again {watch.wall_s:.1f} s, {again['memory']}")
            assert again["code"] == 3
            assert (again["told"]["ok"], again["told"]["unchanged"]) == (good, good)
        tally.count(max(0, rounds - 4))


def _plant(top: Path, number: int) -> int:
    """Make hard links to a sound and to empty files; return how many are sounds."""
    sound = encode(noise(0, seconds=0.05), ".wav")
    models: dict[bool, Path] = {}
    good = 0
    for first in range(0, number, FOLDER):
        folder = top / f"{first // FOLDER:04}"
        folder.mkdir(parents=True)
        for at in range(first, min(number, first + FOLDER)):
            is_good = at % GOOD_EVERY == 0
            good += is_good
            path = f"{folder}/recording-{at:07}.wav"
            if is_good not in models or at % LINKS == 0:
                models[is_good] = Path(path)
                models[is_good].write_bytes(sound if is_good else b"")
            else:
                os.link(models[is_good], path)
    return good


def _watch(run: Run, rounds: int, *, until_rows: int = 0, keep: bool = True, each_bytes: int = 0) -> Mapping[str, Any]:
    """Wait for the end of a run; return how it ended and what its parent took at most."""
    said: list[bytes] = []
    readers = [
        threading.Thread(target=_read, args=(run.process.stdout, said if keep else None)),
        threading.Thread(target=_read, args=(run.process.stderr, None)),  # of failures there are a million
    ]
    for reader in readers:
        reader.start()
    peak_kb, first_rows_s, watch = 0, 0.0, Stopwatch()
    journal = run.out / ".melcli" / "journal.jsonl"
    while run.process.poll() is None:
        peak_kb = max(peak_kb, _peak_kb(run.process.pid))
        if until_rows and not first_rows_s and journal.exists() and b'"id"' in journal.read_bytes()[:4096]:
            first_rows_s = watch.quiet_s
        time.sleep(0.05)
    for reader in readers:
        reader.join()
    for pipe in (run.process.stdout, run.process.stderr):
        assert pipe is not None
        pipe.close()
    check_nobody_left(run.process.pid)
    told = json.loads(b"".join(said)) if keep and said else {}
    check_printed(b"".join(said).decode())
    assert peak_kb * 1024 < MOST_MB * 1_000_000 + each_bytes * rounds, f"{peak_kb / 1000:.0f} MB"
    return {
        "code": run.process.returncode,
        "memory": f"at most {peak_kb / 1000:.0f} MB, {peak_kb * 1024 / rounds:.0f} bytes for each input",
        "first_rows_s": first_rows_s or watch.quiet_s,
        "told": told,
    }


def _read(pipe: Any, into: list[bytes] | None) -> None:
    while piece := pipe.read(1 << 16):
        if into is not None:
            into.append(piece)


def _peak_kb(process: int) -> int:
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:  # it has ended
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmHWM")), 0)


def _count_rows(out: Path) -> int:
    with (out / "manifest.jsonl").open("rb") as file:
        return sum(1 for _ in file)
