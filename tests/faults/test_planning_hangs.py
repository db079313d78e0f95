"""Planning that hangs, is stopped or killed: a run ends within its limits, and says where it was.

Rows of the table of faults: a dead mount below INPUT; --max-time, Ctrl-C once and twice while a run plans.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from melcli.run.planner.planner import MAX_RESTARTS
from tests.cli.shell import Ended, Run, start
from tests.elapsed import Stopwatch, stretch, wait, wait_until
from tests.faults.hanging import ROOT
from tests.faults.hanging_planning import BEFORE, IMMORTAL, MARKER
from tests.faults.processes import descendants, kill_one, wait_for_file
from tests.faults.work import kill_all
from tests.run.corpus import LIGHT, plant, rows
from tests.run.invariants import check_nobody_left
from tests.tiers import full_but

AT_ONCE_S = 2.0  # in which a run ends after a second signal
END_S = 6.0  # in which it ends after its time is up or after a first signal
SILENT_S = 1.3  # after which a run says where planning was


class Planning:
    """Runs over a folder that hangs when it is listed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.out = folder / "out"
        self.marker = folder / "marker"
        self.hanging = folder / "in" / "hang"
        self._runs: list[Run] = []
        plant(folder / "in", "a.wav")
        self.hanging.mkdir()

    def start(self, *arguments: Any, before: str = BEFORE, command: str = "extract") -> Run:
        """Start a command, and return it when it hangs."""
        run = start(
            *(command, *([self.out] if command != "extract" else []), self.folder / "in", *arguments),
            out=self.out if command == "extract" else None,
            before=before,
            env={"PYTHONPATH": ROOT, MARKER: str(self.marker)},
        )
        self._runs.append(run)
        assert wait_for_file(self.marker, run), run.end()
        return run

    def end(self, run: Run, within_s: float) -> Ended:
        """Wait for the end of a run."""
        wait(run.process, within_s)
        check_nobody_left(run.process.pid)
        return run.end()

    def close(self) -> None:
        """Leave no run behind."""
        for run in self._runs:
            kill_all(run)


@pytest.fixture
def planning(tmp_path: Path) -> Iterator[Planning]:
    """Return runs over a folder that hangs when it is listed."""
    made = Planning(tmp_path)
    yield made
    made.close()


@pytest.mark.full
def test_max_time_ends_a_search_that_hangs(planning: Planning) -> None:
    """With the code of --max-time, and it names the folder."""
    max_time_s = 3.0 * stretch()
    run = planning.start(*LIGHT, "--max-time", f"{max_time_s:.1f}s")
    ended = planning.end(run, max_time_s + END_S)
    assert ended.code == 10, ended
    assert f" s at {planning.hanging}" in ended.err
    assert not (planning.out / "manifest.jsonl").exists()


@pytest.mark.parametrize("number", full_but([signal.SIGINT, signal.SIGTERM, signal.SIGHUP], signal.SIGINT))
def test_a_signal_ends_a_search_that_hangs(planning: Planning, number: signal.Signals) -> None:
    run = planning.start(*LIGHT)
    time.sleep(SILENT_S)
    watch = Stopwatch()
    run.signal(number, whole_group=True)
    ended = planning.end(run, AT_ONCE_S)
    assert watch.quiet_s < AT_ONCE_S
    assert ended.code == 128 + number
    assert f" s at {planning.hanging}" in ended.err
    assert "Traceback" not in ended.err


@pytest.mark.full
def test_a_list_that_hangs(planning: Planning) -> None:
    """The run names it, and a signal ends it."""
    listing = planning.folder / "hang.list"
    run = planning.start(*LIGHT, "--files-from", listing)
    time.sleep(SILENT_S)
    run.signal(signal.SIGINT, whole_group=True)
    ended = planning.end(run, AT_ONCE_S)
    assert ended.code == 130
    assert f" s at {listing}" in ended.err


@pytest.mark.full
@pytest.mark.parametrize("command", ["extract --dry-run", "status", "prune"])
def test_a_signal_ends_other_commands_that_hang(planning: Planning, command: str) -> None:
    words = command.split()
    if words[0] != "extract":
        (planning.folder / "in" / "hang").rmdir()
        assert start("extract", planning.folder / "in", *LIGHT, out=planning.out).end().code == 0
        planning.hanging.mkdir()
    run = planning.start(*words[1:], command=words[0])
    run.signal(signal.SIGINT, whole_group=True)
    ended = planning.end(run, AT_ONCE_S)
    assert ended.code in {130, -signal.SIGINT}
    assert "Traceback" not in ended.err


@pytest.mark.full
def test_a_process_that_cannot_end_is_left_behind(planning: Planning) -> None:
    """A second signal ends the run at once; without one it ends soon, and names the process."""
    run = planning.start(*LIGHT, before=IMMORTAL)
    (process,) = descendants(run)
    watch = Stopwatch()
    run.signal(signal.SIGTERM, whole_group=False)
    wait(run.process, AT_ONCE_S + 1)
    ended = run.end()
    assert watch.quiet_s < AT_ONCE_S + 1
    assert ended.code == 143
    assert f"process {process} remains, because the system does not end it at {planning.hanging}" in ended.err
    assert wait_until(lambda: not Path(f"/proc/{process}").exists())  # this one can be ended, by the end of its driver


@pytest.mark.full
def test_a_second_signal_does_not_wait_for_the_process(planning: Planning) -> None:
    run = planning.start(*LIGHT, before=IMMORTAL)
    run.signal(signal.SIGINT, whole_group=False)
    time.sleep(0.2)
    watch = Stopwatch()
    if run.process.poll() is None:
        run.signal(signal.SIGINT, whole_group=False)
    wait(run.process, AT_ONCE_S)
    assert watch.quiet_s < AT_ONCE_S
    assert run.end().code in {130, -signal.SIGINT}


@pytest.mark.full
def test_a_hash_that_hangs(planning: Planning) -> None:
    """--checksum reads contents while it plans."""
    planning.hanging.rmdir()
    plant(planning.folder / "in", "hang.wav")
    assert start("extract", planning.folder / "in", *LIGHT, "--checksum", out=planning.out).end().code == 0
    max_time_s = 3.0 * stretch()
    run = planning.start(*LIGHT, "--checksum", "--max-time", f"{max_time_s:.1f}s")
    ended = planning.end(run, max_time_s + END_S)
    assert ended.code == 10, ended
    assert f" s at {planning.folder / 'in' / 'hang.wav'}" in ended.err
    assert len(rows(planning.out)) == 2


@pytest.mark.full
@pytest.mark.parametrize("number", [signal.SIGSTOP, signal.SIGKILL])
def test_a_planning_process_that_is_stopped_or_killed(planning: Planning, number: signal.Signals) -> None:
    """A killed one has a successor, which hangs here too; one that is stopped does not outlive its run."""
    max_time_s = 4.0 * stretch()
    run = planning.start(*LIGHT, "--max-time", f"{max_time_s:.1f}s")
    (process,) = descendants(run)
    planning.marker.unlink()
    assert kill_one(process, number)
    if number == signal.SIGKILL:
        assert wait_for_file(planning.marker, run)
        assert descendants(run) != [process]
    ended = planning.end(run, max_time_s + END_S)
    assert ended.code == 10, ended
    assert f" s at {planning.hanging}" in ended.err


@pytest.mark.full
def test_a_planning_process_that_is_killed_again_and_again(planning: Planning) -> None:
    """The run ends with the code for processes that keep dying, and has changed nothing."""
    run = planning.start(*LIGHT)
    for _ in range(MAX_RESTARTS + 1):
        assert wait_for_file(planning.marker, run)
        (process,) = descendants(run)
        planning.marker.unlink()
        os.kill(process, signal.SIGKILL)
    ended = planning.end(run, END_S)
    assert ended.code == 7
    assert f"the planning process was killed by SIGKILL at {planning.hanging}; OUT is as it was" in ended.err
    assert not (planning.out / "manifest.jsonl").exists()


@pytest.mark.full
def test_a_planning_process_ends_with_its_driver(planning: Planning) -> None:
    run = planning.start(*LIGHT)
    (process,) = descendants(run)
    os.kill(process, signal.SIGSTOP)
    os.kill(run.process.pid, signal.SIGKILL)
    run.process.wait()
    assert wait_until(lambda: not Path(f"/proc/{process}").exists())
