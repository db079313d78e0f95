"""An OUT that cannot be written, goes away in the middle, or holds what somebody else put there.

FAULTS.md: "OUT read-only, gone, a file, not ours".  DESIGN.md: an OUT is not trusted; a name of ours that leads
elsewhere is never written through.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.cli.shell import Ended, start
from tests.faults.mounts import ext4
from tests.run.corpus import LIGHT, plant, tree
from tests.run.invariants import check_after_fault, check_after_rerun, check_finished, check_nobody_left, check_printed
from tests.store.rows import rows_of
from tests.tiers import full_but

Command = Callable[..., Ended]

# A long FFT for every few samples: some 20 ms for each second of audio, so that there is a middle.
HEAVY = ("-s", "sampling_rate=8000", "-s", "fft_length=8192", "-s", "sequence_stride=16", "-s", "num_mel_bins=4")
# The same with 256 kB of features for a second of sound, of which a shard of a megabyte holds three.
SHARDS = (*HEAVY[:-2], "-s", "num_mel_bins=64", "-s", "dtype=float64", "-s", "shard_mb=1", "-f", "hdf5")
VICTIM = b"what somebody wants to keep\n"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    plant(tmp_path / "in", "a.wav", "b.wav", "sub/c.flac", seconds=0.1)
    return tmp_path / "in"


@pytest.fixture
def long_source(tmp_path: Path) -> Path:
    """Enough for a second of work in batches of one or two."""
    plant(tmp_path / "in", *[f"{number:02}.wav" for number in range(16)], seconds=1.0)
    return tmp_path / "in"


def extract(source: Path, out: Path, *arguments: Any, **options: Any) -> Ended:
    run = start("extract", source, *LIGHT, *arguments, "-j", "1", out=out, **options)
    ended = run.end()
    check_said(ended)
    check_nobody_left(run.process.pid)
    return ended


def check_said(ended: Ended) -> None:
    check_printed(ended.err)
    assert "Traceback" not in ended.err
    assert "failed:" not in ended.err, "an input is blamed for what OUT does"


def check_refused(ended: Ended, out: Path) -> None:
    assert ended.code == 6, ended
    assert [line.startswith("melcli: error: ") for line in ended.err.splitlines()].count(True) == 1, (
        "one sentence says it"
    )
    assert f"cannot write {out}" in ended.err


def completes(melcli: Command, source: Path, out: Path, *settings: str) -> None:
    """Run again, and hold OUT against a run that nothing disturbed."""
    undisturbed = out.with_name("undisturbed")
    for each in (undisturbed, out):
        ended = melcli("extract", source, *(settings or LIGHT), "-o", each)
        assert ended.code == 0, ended
    check_after_rerun(out, tree(undisturbed), said=ended.err)
    shutil.rmtree(undisturbed)


# read-only from the start


@contextmanager
def immutable(folder: Path) -> Iterator[None]:
    if shutil.which("chattr") is None or subprocess.run(["chattr", "+i", folder], capture_output=True).returncode != 0:
        pytest.skip("needs chattr, root, and a file system that knows +i")
    try:
        yield
    finally:
        subprocess.run(["chattr", "-i", folder], check=True)


@pytest.mark.few(1)
@pytest.mark.parametrize("below", ["", ".melcli", "sub"])
def test_a_folder_that_takes_no_names(source: Path, tmp_path: Path, melcli: Command, below: str) -> None:
    out = tmp_path / "out"
    (out / below).mkdir(parents=True)
    with immutable(out / below):
        check_refused(extract(source, out), out)
    completes(melcli, source, out)


@pytest.mark.full
def test_a_disk_that_is_mounted_read_only(source: Path, tmp_path: Path, melcli: Command) -> None:
    with ext4(tmp_path / "disk") as disk:
        assert extract(source, disk / "out").code == 0
        plant(source, "new.wav")
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        ended = extract(source, disk / "out")
        check_refused(ended, disk / "out")
        assert "Read-only file system" in ended.err
        subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
        completes(melcli, source, disk / "out")


def test_an_out_that_belongs_to_somebody_else(source: Path, tmp_path: Path, melcli: Command) -> None:
    """Root without its privileges; another user might not reach this Python."""
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("needs root and setpriv")
    out = tmp_path / "out"
    out.mkdir()
    os.chown(out, 12345, 12345)
    command = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs", sys.executable, "-m", "melcli"]
    made = subprocess.run([*command, "extract", source, *LIGHT, "-o", out], capture_output=True, text=True)
    ended = Ended(made.returncode, made.stdout, made.stderr)
    check_said(ended)
    check_refused(ended, out)
    assert "Permission denied" in ended.err
    os.chown(out, 0, 0)
    completes(melcli, source, out)


@pytest.mark.full
def test_parents_that_are_missing_are_made(source: Path, tmp_path: Path, melcli: Command) -> None:
    assert extract(source, tmp_path / "x" / "y" / "out").code == 0
    completes(melcli, source, tmp_path / "x" / "y" / "out")


def test_an_out_that_is_a_link_to_nothing(source: Path, tmp_path: Path) -> None:
    (tmp_path / "out").symlink_to("nowhere")
    check_refused(extract(source, tmp_path / "out"), tmp_path / "out")
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.full
def test_an_out_that_is_a_link_to_a_folder(source: Path, tmp_path: Path, melcli: Command) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "out").symlink_to("disk")
    assert extract(source, tmp_path / "out").code == 0
    check_finished(tmp_path / "disk")
    completes(melcli, source, tmp_path / "out")


@pytest.mark.parametrize("name", ["", ".melcli"])
def test_a_file_where_a_folder_has_to_be(source: Path, tmp_path: Path, name: str) -> None:
    out = tmp_path / "out"
    (out / name).parent.mkdir(exist_ok=True)
    (out / name).write_bytes(VICTIM)
    check_refused(extract(source, out), out)
    assert (out / name).read_bytes() == VICTIM


# going away in the middle


def remove(out: Path) -> None:
    while out.exists():
        shutil.rmtree(out, ignore_errors=True)  # what is made meanwhile goes in the next turn


def move_away(out: Path) -> None:
    out.rename(out.with_name("moved"))


def put_a_file(out: Path) -> None:
    move_away(out)
    out.write_bytes(VICTIM)


def put_an_empty_folder(out: Path) -> None:
    move_away(out)
    (out / ".melcli").mkdir(parents=True)


@pytest.mark.full
@pytest.mark.parametrize(
    "go, settings",
    [(remove, HEAVY), (move_away, SHARDS), (put_a_file, SHARDS), (put_an_empty_folder, HEAVY)],
    ids=lambda value: {id(HEAVY): "npy", id(SHARDS): "hdf5"}.get(id(value)),
)
def test_an_out_that_goes_away(
    long_source: Path, tmp_path: Path, melcli: Command, go: Callable[[Path], None], settings: tuple[str, ...]
) -> None:
    """Whatever stands there later: the run does not end as if all were well."""
    out = tmp_path / "out"
    run = start("extract", long_source, *settings, "-j", "1", out=out)
    run.wait_for_rows(1)
    run.signal(signal.SIGSTOP, whole_group=True)
    try:
        assert run.rows_so_far < len(list(long_source.iterdir())), "it is over already"
        go(out)
    finally:
        run.signal(signal.SIGCONT, whole_group=True)
    ended = run.end()
    check_said(ended)
    check_refused(ended, out)
    check_nobody_left(run.process.pid)
    if go is put_a_file:
        assert out.read_bytes() == VICTIM
        out.unlink()
    if out.exists():
        check_after_fault(out)
    completes(melcli, long_source, out, *settings)


@pytest.mark.full
def test_a_disk_that_becomes_read_only(long_source: Path, tmp_path: Path, melcli: Command) -> None:
    """As ext4 makes itself when its own bookkeeping fails."""
    with ext4(tmp_path / "disk") as disk:
        out = disk / "out"
        run = start("extract", long_source, *HEAVY, "-j", "1", out=out)
        run.wait_for_rows(2)
        subprocess.run(["mount", "-o", "remount,abort", disk], capture_output=True)
        ended = run.end()
        check_said(ended)
        check_refused(ended, out)
        done = [row.id for row in rows_of(out) if row.status == "ok"]
        assert len(done) >= 1
        check_nobody_left(run.process.pid)
        image = tmp_path / "disk.img"
        subprocess.run(["umount", disk], check=True)
        subprocess.run(["e2fsck", "-fy", image], capture_output=True)
        subprocess.run(["mount", "-o", "loop", image, disk], check=True)
        check_after_fault(out, session=run.process.pid)
        completes(melcli, long_source, out, *HEAVY)


# what somebody else put there

OWN_FILES = (".melcli/journal.jsonl", ".melcli/lock", "manifest.jsonl", "failures.jsonl", "melcli.yaml")
OUTPUTS = ("a.npy", "sub/c.npy", "features-00000.h5")


def as_link(name: Path, victim: Path) -> None:
    name.symlink_to(victim)


def as_other_name(name: Path, victim: Path) -> None:
    name.hardlink_to(victim)


@pytest.mark.few(6)
@pytest.mark.parametrize("link", [as_link, as_other_name])
@pytest.mark.parametrize("name", [*OWN_FILES, *OUTPUTS])
def test_nothing_is_written_through_a_link(
    source: Path, tmp_path: Path, melcli: Command, name: str, link: Callable[[Path, Path], None]
) -> None:
    """An OUT that others may write to could lead a run of root's to any file."""
    out, victim = tmp_path / "out", tmp_path / "victim"
    victim.write_bytes(VICTIM)
    victim.chmod(0o640)
    (out / name).parent.mkdir(parents=True)
    link(out / name, victim)
    before = victim.stat()
    ended = melcli("extract", source, *LIGHT, "-f", "hdf5" if name.endswith(".h5") else "npy", "-o", out)
    check_said(ended)
    assert ended.code in {0, 2, 6}, ended
    assert victim.read_bytes() == VICTIM
    after = victim.stat()
    assert (after.st_mode, after.st_mtime_ns, after.st_uid) == (before.st_mode, before.st_mtime_ns, before.st_uid)
    if ended.code == 0:
        check_finished(out)
        assert name == ".melcli/lock" or not os.path.samefile(out / name, victim)


@pytest.mark.parametrize("name", [*OWN_FILES, *OUTPUTS])
def test_a_link_to_nothing_makes_nothing(source: Path, tmp_path: Path, melcli: Command, name: str) -> None:
    out = tmp_path / "out"
    (out / name).parent.mkdir(parents=True)
    (out / name).symlink_to(tmp_path / "made")
    ended = melcli("extract", source, *LIGHT, "-f", "hdf5" if name.endswith(".h5") else "npy", "-o", out)
    check_said(ended)
    assert ended.code in {0, 6}, ended
    assert not (tmp_path / "made").exists()


def test_a_folder_of_ours_that_is_a_link_is_refused(source: Path, tmp_path: Path) -> None:
    out, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
    out.mkdir()
    elsewhere.mkdir()
    (out / ".melcli").symlink_to(elsewhere)
    ended = extract(source, out)
    check_refused(ended, out)
    assert "link" in ended.err
    assert list(elsewhere.iterdir()) == []


@pytest.mark.few(1)
@pytest.mark.parametrize("name", full_but([*OWN_FILES, *OUTPUTS], ".melcli/journal.jsonl", "manifest.jsonl", "a.npy"))
def test_nobody_waits_for_a_named_pipe(source: Path, tmp_path: Path, name: str) -> None:
    out = tmp_path / "out"
    (out / name).parent.mkdir(parents=True)
    os.mkfifo(out / name)
    ended = extract(source, out, "-f", "hdf5" if name.endswith(".h5") else "npy")
    assert ended.code in {0, 2, 6}, ended
    if ended.code == 0:
        check_finished(out)
