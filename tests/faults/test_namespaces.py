"""Two runs whose OUT has one and the same path and is two folders, as in two containers that share /tmp.

Row of the table of faults: two runs at once; here neither may notice the other.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.shell import Run, signals_heeded
from tests.faults.loops import Tally, loop
from tests.faults.processes import empty
from tests.faults.work import OVER, Corpus, kill_all
from tests.run.invariants import check_after_rerun, check_nobody_left

# The shell becomes Python, so that the process that is started is the run.
INSIDE = 'mount --bind "$1" "$2" && shift 2 && exec "$@"'


@pytest.fixture(scope="module", autouse=True)
def _namespaces(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Skip aloud where no mount namespace can be made."""
    if shutil.which("unshare") is None:
        pytest.skip("needs unshare, of util-linux")
    folder = tmp_path_factory.mktemp("mounted")
    tried = subprocess.run([*in_namespace(folder, folder), "true"], capture_output=True, text=True)
    if tried.returncode != 0:
        pytest.skip(f"cannot make a mount namespace here: {tried.stderr.strip()}")


@pytest.mark.full
@loop(quick=1, soak=200)
def test_namespaces(*, rounds: int, seed: int, tally: Tally, tmp_path: Path, temporary: Path, light: Corpus) -> None:
    """Two runs at once whose OUT is one path and two folders, in two mount namespaces that share TMPDIR."""
    chance = random.Random(f"namespaces {seed}")
    overlapped = 0
    for number in range(rounds):
        with tally.round():
            folder = tmp_path / str(number)
            format_ = chance.choice(("npy", "hdf5"))
            apart_s = chance.choice((0.0, chance.uniform(0, light.undisturbed(format_).whole_s)))
            runs = []
            try:
                runs.append(start_inside(light, folder / "one", temporary, format_))
                time.sleep(apart_s)
                overlapped += runs[0].process.poll() is None
                runs.append(start_inside(light, folder / "two", temporary, format_))
                for run in runs:
                    ended = run.end()
                    assert ended.code == OVER, ended
                    check_nobody_left(run.process.pid)
                    check_after_rerun(run.out, light.undisturbed(format_).tree, said=ended.err)
                assert list(temporary.iterdir()) == []
            finally:
                for run in runs:
                    kill_all(run)
                shutil.rmtree(folder)
                empty(temporary)
    tally.note(f"{overlapped} of {rounds} pairs overlapped")


def in_namespace(folder: Path, out: Path) -> list[str]:
    """Return the beginning of a command for which ``folder`` is at ``out``, and for nobody else."""
    return ["unshare", "--mount", "--propagation", "private", "sh", "-c", INSIDE, "sh", str(folder), str(out)]


def start_inside(light: Corpus, folder: Path, temporary: Path, format_: str) -> Run:
    """Start a run on a folder that is called ``out`` for it alone."""
    out = folder.with_name("out")
    for each in (folder, out):
        each.mkdir(parents=True, exist_ok=True)
    words = [sys.executable, "-m", "melcli", "extract", light.sounds, *light.settings, "-f", format_]
    with signals_heeded():
        process = subprocess.Popen(
            [*in_namespace(folder, out), *map(str, words), "-o", str(out)],
            start_new_session=True,
            env={**os.environ, "TMPDIR": str(temporary)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
    return Run(process, folder)
