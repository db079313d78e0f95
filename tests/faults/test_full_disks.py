"""Disks that fill up: at every block and every name of a run, by a limit on the size of files, and from the start.

FAULTS.md: "disk full, in the array, in the journal, in a shard"; "quota, file size limit"; of "OUT read-only, gone, a
file, not ours" the probe before any decoding.
"""

from __future__ import annotations

import random
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.cli.shell import Ended, start
from tests.faults.failing_calls import FailingCalls, compiled
from tests.faults.loops import Tally, loop
from tests.faults.mounts import BLOCK_BYTES, ext4, fill, fill_names, tmpfs
from tests.run.corpus import LIGHT, plant, tree
from tests.run.invariants import check_after_fault, check_after_rerun
from tests.store.rows import rows_of
from tests.tiers import full_but

Command = Callable[..., Ended]

MOST_BLOCKS = 200  # that a run needs; a sweep has to come to its end before
MOST_NAMES = 60
NAMES = [f"{name}.wav" for name in "abcdef"]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Six short sounds, and one whose features take several blocks."""
    plant(tmp_path / "in", *NAMES, "sub/g.flac", seconds=0.1)
    plant(tmp_path / "in", "long.wav", seconds=8.0)
    return tmp_path / "in"


@dataclass(frozen=True, kw_only=True)
class Work:
    """A run of one format into a limit, and what it leaves if there is none."""

    melcli: Command
    source: Path
    format_: str
    undisturbed: dict[str, bytes]

    def run(self, out: Path, **options: Any) -> Ended:
        """Run into the limit, and hold what is left against the oracle: it stops at once, blames nobody, cleans up."""
        run = start("extract", self.source, *LIGHT, "-f", self.format_, "-j", "1", out=out, **options)
        ended = run.end()
        assert "Traceback" not in ended.err
        assert "failed:" not in ended.err
        if out.parent.exists() and (out / ".melcli" / "lock").exists():
            check_after_fault(out, said=ended.err, session=run.process.pid)
            assert list(out.rglob("*.tmp")) == [], "a temporary file takes the room that is missing"
            assert [row.id for row in rows_of(out) if row.status == "failed"] == []
        assert ended.code in {0, 6}, ended
        if ended.code == 6:
            told = [line for line in ended.err.splitlines() if line.startswith("melcli: error: cannot ")]
            assert len(told) == 1, ended.err
        return ended

    def complete(self, out: Path) -> None:
        """Let the same command come to its end, now that the limit is gone."""
        again = self.melcli("extract", self.source, *LIGHT, "-f", self.format_, "-o", out)
        assert again.code == 0, again
        check_after_rerun(out, self.undisturbed, said=again.err)


@pytest.fixture(params=full_but(["npy", "hdf5"], "hdf5"))
def work(request: pytest.FixtureRequest, source: Path, tmp_path: Path, melcli: Command) -> Work:
    return work_of(request.param, source, tmp_path, melcli)


def work_of(format_: str, source: Path, tmp_path: Path, melcli: Command) -> Work:
    out = tmp_path / f"undisturbed.{format_}"
    assert melcli("extract", source, *LIGHT, "-f", format_, "-o", out).code == 0
    return Work(melcli=melcli, source=source, format_=format_, undisturbed=tree(out))


def blamed_file(ended: Ended) -> str:
    """Return which kind of file could not be written, as the message says."""
    name = Path(ended.err.partition("cannot write ")[2].partition(": ")[0]).name
    return {".npy": "array", ".h5": "shard"}.get(Path(name).suffix, name)


@loop(quick=2, soak=MOST_BLOCKS)
def test_disks_fill_up_at_every_block(rounds: int, seed: int, tally: Tally, work: Work, tmp_path: Path) -> None:
    """The disk is full after N blocks, for every N."""
    blamed = Counter[str]()
    for blocks in range(rounds) if rounds == MOST_BLOCKS else chosen(rounds, seed, 40):
        code = 6
        with tally.round(), tmpfs(tmp_path / f"disk{blocks}") as disk:
            ballast = fill(disk, leave_bytes=blocks * BLOCK_BYTES)
            ended = work.run(disk / "out")
            code = ended.code
            blamed[blamed_file(ended) if code else "nothing"] += 1
            ballast.unlink()
            work.complete(disk / "out")
        if code == 0 and rounds == MOST_BLOCKS:
            break
    tally.note(", ".join(f"{name} {number}" for name, number in sorted(blamed.items())))
    if rounds == MOST_BLOCKS:
        wanted = {"npy": "array", "hdf5": "shard"}[work.format_]
        assert {wanted, "journal.jsonl", "manifest.jsonl", "nothing"} <= blamed.keys()


@loop(quick=2, soak=MOST_NAMES)
def test_names_run_out(rounds: int, seed: int, tally: Tally, work: Work, tmp_path: Path) -> None:
    """The file system takes no file more after N files, for every N."""
    codes = Counter[int]()
    for files in range(rounds) if rounds == MOST_NAMES else chosen(rounds, seed, 16):
        code = 6
        with tally.round(), tmpfs(tmp_path / f"disk{files}", most_files=200) as disk:
            ballast = fill_names(disk, leave_files=files)
            code = work.run(disk / "out").code
            codes[code] += 1
            shutil.rmtree(ballast)
            work.complete(disk / "out")
        if code == 0 and rounds == MOST_NAMES:
            break
    tally.note(f"{codes[6]} ended with 6")
    if rounds == MOST_NAMES:
        assert codes[0] == 1


@pytest.mark.full
@loop(quick=2, soak=40)
def test_files_are_limited_in_size(rounds: int, seed: int, tally: Tally, work: Work, tmp_path: Path) -> None:
    """RLIMIT_FSIZE, which acts as a quota does."""
    codes = Counter[int]()
    chance = random.Random(seed)
    for _ in range(rounds):
        limit = chance.choice([0, 1, chance.randrange(4096), chance.randrange(30_000)])
        before = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, resource.RLIM_INFINITY))"
        out = tmp_path / "out"
        with tally.round():
            codes[work.run(out, before=before).code] += 1
            work.complete(out)
        shutil.rmtree(out, ignore_errors=True)
    tally.note(f"{codes[6]} ended with 6")


def chosen(number: int, seed: int, below: int) -> list[int]:
    """Return the first number and some others."""
    return [0, *sorted(random.Random(seed).sample(range(1, below), number - 1))]


# full from the start


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compiled(tmp_path_factory.mktemp("library"))


@pytest.mark.full
@pytest.mark.parametrize("system", full_but([ext4, tmpfs], tmpfs))
def test_a_full_disk_is_found_before_anything_is_decoded(
    library: Path, source: Path, tmp_path: Path, melcli: Command, system: Any
) -> None:
    """Also where there is still room for names and for the content of tiny files."""
    work = work_of("npy", source, tmp_path, melcli)
    opened = FailingCalls(library, tmp_path)
    with system(tmp_path / "disk") as disk:
        ballast = fill(disk)
        ended = work.run(disk / "out", env=opened.environment(source))
        assert ended.code == 6
        assert "No space left on device" in ended.err
        assert files_opened(opened) == 0
        ballast.unlink()
        ended = work.run(disk / "out", env=opened.environment(source))
        assert ended.code == 0
        assert files_opened(opened) >= len(NAMES)
        check_after_rerun(disk / "out", work.undisturbed)


def files_opened(opened: FailingCalls) -> int:
    return sum(call.kind == "open" and Path(call.path).is_file() for call in opened.calls())


# full elsewhere


@pytest.mark.full
def test_a_full_home_and_a_full_folder_for_temporary_files_cost_nothing(work: Work, tmp_path: Path) -> None:
    with tmpfs(tmp_path / "disk", most_files=100) as disk:
        fill(disk)
        fill_names(disk)
        ended = work.run(tmp_path / "out", env={"HOME": str(disk), "TMPDIR": str(disk)})
        assert ended.code == 0
    check_after_rerun(tmp_path / "out", work.undisturbed, said=ended.err)


@pytest.mark.full
def test_without_any_folder_for_temporary_files_a_run_works_or_says_why(source: Path, tmp_path: Path) -> None:
    before = "import tempfile; tempfile._candidate_tempdir_list = lambda: ['/proc/no/such']"
    run = start("extract", source, *LIGHT, out=tmp_path / "out", before=before)
    ended = run.end()
    assert "Traceback" not in ended.err
    assert ended.code in {0, 6, 7}
    check_after_fault(tmp_path / "out", said=ended.err, session=run.process.pid)
