"""Runs that are interrupted or killed in the middle of their work, and the run after them."""

from __future__ import annotations

import functools
import os
import signal
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.shell import Run, run_alone, start
from tests.elapsed import Stopwatch, wait_until
from tests.faults.processes import workers_of
from tests.run.corpus import plant, rows, tree
from tests.run.invariants import alive, check_after_fault, check_after_rerun
from tests.tiers import full_but

FILES = 32
# A long FFT every few samples, so that there is work to interrupt: 20 to 30 ms for each file.  150 kB of features from
# each, so that there are several shards.
HEAVY = (
    *("-s", "sampling_rate=8000", "-s", "fft_length=8192", "-s", "sequence_stride=16", "-s", "num_mel_bins=48"),
    *("-s", "output.dtype=float64", "-s", "output.shard_mb=1", "-j", "2"),
)
Undisturbed = Callable[[str], dict[str, bytes]]
PROMPT_S = 12.0  # in which a run has to end after a signal


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Enough to be busy with, and a bad file."""
    folder = tmp_path_factory.mktemp("in")
    names = [f"{number:03}.wav" for number in range(FILES)]
    plant(folder, *names[: FILES // 2], seconds=0.8)
    plant(folder, *names[FILES // 2 :], seconds=1.0)  # so that the last shards are done first
    (folder / "bad.wav").write_bytes(b"")
    return folder


@pytest.fixture(scope="module")
def undisturbed(sounds: Path, tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    """What a run that nothing disturbs leaves, by format."""
    out = tmp_path_factory.mktemp("undisturbed")

    @functools.cache
    def extract(format_: str) -> dict[str, bytes]:
        assert run_alone("extract", sounds, *HEAVY, "-f", format_, out=out / format_).code == 3
        assert format_ == "npy" or len(list((out / "hdf5").glob("*.h5"))) >= 4
        return tree(out / format_)

    return extract


def start_work(sounds: Path, out: Path, format_: str = "npy", *arguments: Any, **options: Any) -> Run:
    """Start a run and return when it has done some of its work and by far not all."""
    run = start("extract", sounds, *HEAVY, "-f", format_, *arguments, out=out, **options)
    run.wait_for_rows(FILES // 10)
    return run


def check_rerun(sounds: Path, out: Path, undisturbed: Undisturbed, format_: str = "npy") -> None:
    again = run_alone("extract", sounds, *HEAVY, "-f", format_, out=out)
    assert again.code == 3  # the bad file
    check_after_rerun(out, undisturbed(format_), said=again.err)


@pytest.mark.parametrize(
    "number, whole_group, format_",
    [
        (signal.SIGINT, True, "hdf5"),  # Ctrl-C
        pytest.param(signal.SIGTERM, False, "npy", marks=pytest.mark.full),  # kill, docker stop
        pytest.param(signal.SIGHUP, True, "npy", marks=pytest.mark.full),  # a terminal that is closed
    ],
)
def test_a_signal_keeps_what_is_finished(
    sounds: Path,
    tmp_path: Path,
    undisturbed: Undisturbed,
    number: signal.Signals,
    whole_group: bool,
    format_: str,
) -> None:
    out = tmp_path / "out"
    run = start_work(sounds, out, format_)
    watch = Stopwatch()
    run.signal(number, whole_group=whole_group)
    ended = run.end()
    assert watch.quiet_s < PROMPT_S
    assert ended.code == 128 + number
    assert "Traceback" not in ended.err
    assert f"melcli: stopped ({number.name}); finished work is kept; run the same command to resume" in ended.err
    check_after_fault(out, said=ended.err, session=run.process.pid)
    manifest = rows(out)  # written also now
    assert len(manifest) >= FILES // 10  # the drain may have finished them all
    assert {row["reason"] for row in manifest.values()} <= {None, "empty"}  # nothing is blamed for the signal
    check_rerun(sounds, out, undisturbed, format_)


@pytest.mark.full
def test_a_second_signal_ends_the_run_at_once(sounds: Path, tmp_path: Path, undisturbed: Undisturbed) -> None:
    run = start_work(sounds, tmp_path / "out", "hdf5")
    run.signal(signal.SIGINT, whole_group=True)
    time.sleep(0.05)
    run.signal(signal.SIGINT, whole_group=True)
    watch = Stopwatch()
    ended = run.end()
    assert watch.quiet_s < 2.0
    assert ended.code == 130
    assert "Traceback" not in ended.err
    check_after_fault(tmp_path / "out", said=ended.err, session=run.process.pid)
    check_rerun(sounds, tmp_path / "out", undisturbed, "hdf5")


@pytest.mark.parametrize("number", full_but([signal.SIGINT, signal.SIGTERM], signal.SIGINT))
def test_a_signal_while_a_run_starts(sounds: Path, tmp_path: Path, number: signal.Signals) -> None:
    """While modules are imported and the workers are started."""
    run = start("extract", sounds, *HEAVY, out=tmp_path / "out")
    assert wait_until((tmp_path / "out").exists, poll_s=0.002)
    run.signal(number, whole_group=True)
    ended = run.end()
    assert ended.code == 128 + number
    assert "Traceback" not in ended.err
    check_after_fault(tmp_path / "out", said=ended.err, session=run.process.pid)


@pytest.mark.full
def test_a_killed_run_is_completed_by_the_next_to_the_same_bytes(
    sounds: Path, tmp_path: Path, undisturbed: Undisturbed
) -> None:
    out = tmp_path / "out"
    run = start_work(sounds, out)
    os.killpg(run.process.pid, signal.SIGKILL)
    ended = run.end()
    check_after_fault(out, said=ended.err, session=run.process.pid)
    assert FILES // 10 <= run.rows_so_far < FILES
    assert not (out / "manifest.jsonl").exists()
    check_rerun(sounds, out, undisturbed)


@pytest.mark.full
@pytest.mark.parametrize("format_", ["npy", "hdf5"])
def test_a_worker_that_is_killed_by_hand_costs_only_time(
    sounds: Path, tmp_path: Path, undisturbed: Undisturbed, format_: str
) -> None:
    run = start_work(sounds, tmp_path / "out", format_)
    os.kill(workers_of(run)[0], signal.SIGKILL)
    ended = run.end()
    assert ended.code == 3  # the bad file
    check_after_rerun(tmp_path / "out", undisturbed(format_), said=ended.err)


@pytest.mark.full
def test_the_workers_end_with_a_killed_parent(sounds: Path, tmp_path: Path) -> None:
    run = start_work(sounds, tmp_path / "out", "hdf5")
    assert len(alive(run.process.pid)) == 3  # itself and two workers
    run.process.kill()
    check_after_fault(tmp_path / "out", said=run.end().err, session=run.process.pid)


@pytest.mark.full
def test_shards_that_are_killed_again_and_again(sounds: Path, tmp_path: Path, undisturbed: Undisturbed) -> None:
    """Each run gets a little further than the one before; what is done stays done."""
    out, done = tmp_path / "out", 0
    for _ in range(2):
        run = start("extract", sounds, *HEAVY, "-f", "hdf5", out=out)
        run.wait_for_rows(done + 1)
        os.killpg(run.process.pid, signal.SIGKILL)
        check_after_fault(out, said=run.end().err, session=run.process.pid)
        done = run.rows_so_far
    check_rerun(sounds, out, undisturbed, "hdf5")


# commands that write nothing that lasts


@pytest.mark.parametrize("number", full_but([signal.SIGTERM, signal.SIGHUP], signal.SIGTERM))
def test_a_dry_run_leaves_no_folder_behind(sounds: Path, tmp_path: Path, number: signal.Signals) -> None:
    estimate = "from melcli.run import estimate as e"
    before = f"import time; {estimate}; e.expected_space = lambda *_: [print(flush=True), time.sleep(60)]"
    with tempfile.TemporaryDirectory(dir="/tmp") as short:  # a socket's path must not be long
        run = start("extract", sounds, "-n", out=tmp_path / "out", before=before, env={"TMPDIR": short})
        check_stopped(run, number)
        assert os.listdir(short) == []
    assert not (tmp_path / "out").exists()


@pytest.mark.full
@pytest.mark.parametrize("number", full_but([signal.SIGTERM, signal.SIGHUP], signal.SIGTERM))
def test_a_doctor_removes_its_folder_of_trials(tmp_path: Path, number: signal.Signals) -> None:
    doctor = "from melcli.run.doctor import diagnosis as d"
    before = f"import time; {doctor}; d.run_file_system_tests = lambda _: [print(flush=True), time.sleep(60)]"
    check_stopped(start("doctor", tmp_path, before=before), number)
    assert os.listdir(tmp_path) == []


def check_stopped(run: Run, number: signal.Signals) -> None:
    assert run.process.stdout is not None
    run.process.stdout.readline()
    run.signal(number, whole_group=True)
    ended = run.end()
    assert (ended.code, ended.err) == (128 + number, f"melcli: stopped by {number.name}\n")


@pytest.mark.full
def test_workers_that_start_for_ever_are_not_waited_for(sounds: Path, tmp_path: Path) -> None:
    (tmp_path / "lib" / "scipy").mkdir(parents=True)
    (tmp_path / "lib" / "scipy" / "__init__.py").write_text("import time; time.sleep(60)")
    run = start("extract", sounds, out=tmp_path / "out", env={"PYTHONPATH": str(tmp_path / "lib")})
    assert wait_until((tmp_path / "out" / ".melcli").exists)
    time.sleep(1.0)
    watch = Stopwatch()
    run.signal(signal.SIGTERM, whole_group=True)
    assert run.end().code == 143
    assert watch.quiet_s < 8.0
