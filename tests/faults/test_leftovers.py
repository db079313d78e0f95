"""Commands that write nothing that lasts are killed: nothing of them is left.

Rows of the table of faults: SIGKILL of the whole run at a random time; SIGKILL of the parent alone.
"""

from __future__ import annotations

import random
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.cli.shell import run_alone, start
from tests.elapsed import Stopwatch, wait
from tests.faults.loops import Tally, loop
from tests.faults.processes import empty
from tests.faults.work import OVER, Corpus, goes_on_for, kill_all
from tests.run.invariants import check_after_fault, check_after_rerun
from tests.tiers import full_but


@pytest.mark.full
@loop(quick=1, soak=100)
@pytest.mark.parametrize("command", full_but(["verify --recompute", "a dry run", "doctor"], "verify --recompute"))
def test_leftovers(
    *, rounds: int, seed: int, tally: Tally, tmp_path: Path, temporary: Path, light: Corpus, command: str
) -> None:
    """SIGKILL of a command that only looks, or of its driver: TMPDIR is empty, and OUT as before after the next run."""
    chance = random.Random(f"leftovers {command} {seed}")
    work = Scene(light, tmp_path, temporary, command)
    met = 0
    for number in range(rounds):
        with tally.round():
            work.renew()
            # The first round, which is all of a quick test, meets its middle.
            delay_s = work.whole_s * (chance.uniform(0, 1) if number else 0.6)
            run = start(*work.arguments, env={"TMPDIR": str(work.temporary)})
            try:
                if goes_on_for(run, delay_s):
                    met += 1
                    run.signal(signal.SIGKILL, whole_group=number % 2 == 0)
                wait(run.process)
                check_after_fault(work.out, session=run.process.pid)
                assert list(work.temporary.iterdir()) == []
                work.check_next()
            finally:
                kill_all(run)
    tally.note(f"{met} kills met the command at work")


class Scene:
    """An OUT, a TMPDIR, and a command that reads them.

    Parameters
    ----------
    light : Corpus
        What OUT was made of.
    folder : Path
        For OUT.
    temporary : Path
        TMPDIR.
    command : str
        Which command.
    """

    def __init__(self, light: Corpus, folder: Path, temporary: Path, command: str) -> None:
        self.out, self.temporary = folder / "out", temporary
        self._extract = ("extract", light.sounds, *light.settings, "-f", "npy", "-o", self.out)
        self._undisturbed = light.undisturbed("npy").tree
        self.renew()
        self._names = names_in(self.out)
        self.arguments: tuple[Any, ...] = {
            "verify --recompute": ("verify", self.out, "--recompute", "100%", "-j", "2"),
            "a dry run": ("extract", light.sounds, *light.settings, "-n", "-o", folder / "nothing"),
            "doctor": ("doctor", self.out),
        }[command]
        watch = Stopwatch()
        assert run_alone(*self.arguments, env={"TMPDIR": str(self.temporary)}).code == 0
        self.whole_s = watch.wall_s

    def renew(self) -> None:
        """Let OUT be there, with all that a run leaves, and TMPDIR be empty."""
        empty(self.temporary)
        if not self.out.exists():
            assert run_alone(*self._extract).code == OVER

    def check_next(self) -> None:
        """Hold OUT against what the next run leaves; start again after a violation."""
        try:
            assert run_alone(*self._extract).code == OVER
            check_after_rerun(self.out, self._undisturbed)
            assert names_in(self.out) == self._names
        except BaseException:
            shutil.rmtree(self.out)
            raise


def names_in(folder: Path) -> list[str]:
    """List all that is in a folder, also what users do not see."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))
