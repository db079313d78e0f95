"""Power cuts: an ext4 of its own is shut down at any time, mounted again, and looked at.

Row of the table of faults: power cut.  The ioctl takes from the file system what was not flushed, as a cut does, and
the run goes on with errors until it ends by itself or is killed.
"""

from __future__ import annotations

import fcntl
import json
import os
import random
import signal
import subprocess
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from melcli.config.resolve import resolve_config
from tests.cli.shell import Run
from tests.elapsed import wait, wait_until
from tests.faults.loops import Tally, loop
from tests.faults.mounts import ext4
from tests.faults.work import OVER, Corpus, Work, finished, goes_on_for, kill_all
from tests.run.corpus import tree
from tests.run.invariants import check_after_fault, check_nobody_left, torn
from tests.store.rows import rows_of
from tests.tiers import full_but

EXT4_IOC_SHUTDOWN = 0x8004587D
GOING_FLAGS_NOLOGFLUSH = (2).to_bytes(4, "little")
STORAGE_FAILED = 6
PROMPT_S = 12.0

# Python that gives a process another boot id, in a namespace of mounts of its own; the rest of the system has its own.
REBOOT = """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
NEWNS, BIND, REC, SLAVE = 0x20000, 0x1000, 0x4000, 0x80000
assert libc.unshare(NEWNS) == 0, ctypes.get_errno()
assert libc.mount(None, b"/", None, REC | SLAVE, None) == 0, ctypes.get_errno()
assert libc.mount({path!r}, b"/proc/sys/kernel/random/boot_id", None, BIND, None) == 0, ctypes.get_errno()
"""


class Disk:
    """An ext4 whose power can be cut."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.boots = 0

    def cut(self) -> None:
        """Drop all that was not flushed; from now on everything there fails."""
        descriptor = os.open(self.folder, os.O_RDONLY)
        try:
            fcntl.ioctl(descriptor, EXT4_IOC_SHUTDOWN, GOING_FLAGS_NOLOGFLUSH)
        finally:
            os.close(descriptor)

    def boot(self) -> None:
        """Mount it again, which replays its log; not before the last one has let go of it, threads and all."""
        image = self.folder.with_name(f"{self.folder.name}.img")
        wait_for(lambda: subprocess.run(["umount", self.folder], capture_output=True).returncode == 0)
        wait_for(lambda: not subprocess.run(["losetup", "-j", image], capture_output=True, check=True).stdout)
        subprocess.run(["mount", "-o", "loop", image, self.folder], check=True)
        self.boots += 1

    def reboot(self) -> str:
        """Return Python for `tests.cli.shell.start`, by which a run is under another boot than those before."""
        path = self.folder.with_name("boot_id")
        path.write_text(f"{uuid.UUID(int=self.boots)}\n")
        return REBOOT.format(path=os.fsencode(path))


def wait_for(done: Callable[[], bool]) -> None:
    assert wait_until(done, PROMPT_S)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """64 MB of ext4."""
    with ext4(tmp_path / "disk", size_mb=64) as folder:
        disk = Disk(folder)
        yield disk


@pytest.mark.full
@loop(quick=1, soak=200)
@pytest.mark.parametrize("durability", full_but(["batch", "file"], "batch"))
def test_power_cuts(rounds: int, seed: int, tally: Tally, disk: Disk, corpus: Corpus, durability: str) -> None:
    """Power cut at a random time, ext4.

    What the journal held, but for its last line, is still there: the run went on after it.
    """
    chance = random.Random(f"power cuts {durability} {seed}")
    works = works_on(disk, corpus, durability)
    cuts = 0
    for _ in range(rounds):
        work = chance.choice(works)
        with work.round(tally):
            run = work.start()
            if not goes_on_for(run, chance.uniform(0, work.whole_s)):
                work.check_through(run.end())
                continue
            flushed = written_down(work.out)
            cut_at_work(disk, run, killed=chance.random() < 0.5)
            cuts += 1
            work.check_stopped(run)
            assert flushed <= finished(work.out).keys()
    for work in filter(lambda work: work.is_started, works):
        with work.round(tally):
            work.come_through()
    tally.note(f"{cuts} cuts met a run at work, {sum(work.through for work in works)} runs came through")


@pytest.mark.full
@loop(quick=1, soak=40)
def test_power_cuts_without_flushes(rounds: int, seed: int, tally: Tally, disk: Disk, corpus: Corpus) -> None:
    """Power cut at a random time, ext4 [none].

    What it tore is done again.  Each start is under another boot than the one before.
    """
    chance = random.Random(f"power cuts none {seed}")
    works = works_on(disk, corpus, "none")
    cuts = lost = 0
    for _ in range(rounds):
        work = chance.choice(works)
        with work.round(tally):
            run = work.start(before=disk.reboot())
            if not goes_on_for(run, chance.uniform(0, work.whole_s)):
                disk.cut()
                disk.boot()
            else:
                cut_at_work(disk, run, killed=chance.random() < 0.5)
            ended = run.end()
            cuts += 1
            check_flushed_at_every_level(work.out)
            lost += len(torn(work.out))
            if ended.code == OVER or chance.random() < 0.5:
                work.check_through(work.start(before=disk.reboot()).end())
    tally.note(f"{cuts} cuts cost {lost} outputs that were written down")


@pytest.mark.full
@loop(quick=1, soak=25)
@pytest.mark.parametrize("durability", full_but(["batch", "file"], "file"))
def test_power_cuts_after_the_end(
    rounds: int, seed: int, tally: Tally, disk: Disk, corpus: Corpus, durability: str
) -> None:
    """Power cut right after a run's end, ext4.

    All is there; only the journal may have come back, and the next run has nothing to do.
    """
    chance = random.Random(f"power cuts after the end {durability} {seed}")
    works = works_on(disk, corpus, durability)
    for _ in range(rounds):
        work = chance.choice(works)
        with work.round(tally):
            run = work.start()
            wait(run.process)
            disk.cut()
            disk.boot()
            assert run.end().code == OVER
            check_after_fault(work.out)
            assert tree(work.out) == corpus.undisturbed(work.out.name).tree
            work.come_through()


def works_on(disk: Disk, corpus: Corpus, durability: str) -> list[Work]:
    arguments = ("--durability", durability)
    return [
        Work(corpus, disk.folder / format_, format_, *arguments, keeps=durability != "none")
        for format_ in ("npy", "hdf5")
    ]


def cut_at_work(disk: Disk, run: Run, *, killed: bool) -> None:
    """Cut, let the run end, and boot.

    A run that is not killed meets errors and has to tell, unless it was over.
    """
    disk.cut()
    try:
        if killed:
            os.killpg(run.process.pid, signal.SIGKILL)
        code = wait(run.process, PROMPT_S)
        check_nobody_left(run.process.pid)
    finally:
        kill_all(run)
        disk.boot()
    assert killed or code in {STORAGE_FAILED, OVER}, run.end()


def written_down(out: Path) -> set[str]:
    """Return whose rows the journal holds, but for those of its last line, which may not be flushed yet."""
    journal = out / ".melcli" / "journal.jsonl"
    lines = journal.read_bytes().splitlines()[:-1] if journal.exists() else []
    rows = [row for line in lines if line for row in json.loads(line)["rows"]]
    return {row["id"] for row in rows if row["status"] == "ok"}


def check_flushed_at_every_level(out: Path) -> None:
    """Hold what is written once in a run against the promise that it is whole."""
    if (out / "melcli.yaml").exists():
        resolve_config(str(out / "melcli.yaml"))
    for row in rows_of(out):
        assert row.reason in {None, "empty"}
