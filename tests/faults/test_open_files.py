"""Too few open files: fewer workers or a clear message, and no input is blamed.

FAULTS.md: "too many open files".
"""

from __future__ import annotations

import random
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.shell import Ended, start
from tests.faults.loops import Tally, loop
from tests.run.corpus import LIGHT, plant, tree
from tests.run.invariants import check_after_fault, check_after_rerun
from tests.tiers import full_but

Command = Callable[..., Ended]

LIMITS = (32, 24, 16)


@pytest.mark.full
@loop(quick=2, soak=40)
@pytest.mark.parametrize("format_", full_but(["npy", "hdf5"], "hdf5"))
def test_too_few_open_files(
    rounds: int, seed: int, tally: Tally, tmp_path: Path, melcli: Command, format_: str
) -> None:
    """RLIMIT_NOFILE of 32, 24, 16 and any other, with one to eight workers."""
    source, out = tmp_path / "in", tmp_path / "out"
    plant(source, *[f"{number}.wav" for number in range(6)], "sub/x.flac", seconds=0.1)
    assert melcli("extract", source, *LIGHT, "-f", format_, "-o", tmp_path / "undisturbed").code == 0
    undisturbed = tree(tmp_path / "undisturbed")
    chance, codes = random.Random(seed), Counter[int]()
    for number in range(rounds):
        limit = LIMITS[number] if number < len(LIMITS) else chance.randrange(8, 80)
        workers = chance.randrange(1, 9)
        before = f"import resource; resource.setrlimit(resource.RLIMIT_NOFILE, ({limit}, {limit}))"
        with tally.round():
            run = start("extract", source, *LIGHT, "-f", format_, "-j", str(workers), out=out, before=before)
            ended = run.end()
            codes[ended.code] += 1
            check_told(ended, f"{limit} open files, {workers} workers: {ended}")
            if (out / ".melcli").is_dir():
                check_after_fault(out, said=ended.err, session=run.process.pid)
            again = melcli("extract", source, *LIGHT, "-f", format_, "-o", out)
            assert again.code == 0, again
            check_after_rerun(out, undisturbed, said=again.err)
        shutil.rmtree(out, ignore_errors=True)
    tally.note(f"{codes[0]} were done with fewer files, {codes[6]} ended with 6")


def check_told(ended: Ended, about: str) -> None:
    assert "Traceback" not in ended.err, about
    assert "failed:" not in ended.err, about
    assert ended.code in {0, 6}, about
    if ended.code == 6:
        assert ended.err.count("melcli: error: ") == 1, about
        assert "Too many open files" in ended.err, about
