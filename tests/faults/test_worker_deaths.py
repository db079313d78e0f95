"""Workers that die, hang, run out of memory or never start.

Rows of the table of faults: a worker dies mid-file; a worker is killed for memory; a worker hangs; every worker dies at
start.
"""

from __future__ import annotations

import json
import os
import random
import re
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from melcli.config.config import Config
from melcli.errors import WorkersFailing
from melcli.mel.options import FeatureOptions
from melcli.run import dispatcher
from melcli.run.extract import extract
from melcli.run.limits import Limits
from melcli.run.report import Report
from melcli.run.request import Request
from melcli.run.worker_losses import WorkerLoss
from melcli.sources.found import Found
from melcli.store.options import OutputOptions
from melcli.store.rows import Row
from tests.cli.shell import run_alone, start
from tests.elapsed import Stopwatch, stretch
from tests.faults.groups import memory_group
from tests.faults.hanging import ROOT
from tests.faults.loops import Tally, loop
from tests.faults.processes import kill_one, workers_of
from tests.faults.work import Corpus, Work
from tests.run.corpus import LIGHT, RATE_HZ, encode, noise, plant, rows, tree
from tests.run.faults import BEFORE, FaultyEngine
from tests.run.invariants import check_after_rerun, check_finished, check_nobody_left
from tests.tiers import full_but

FEATURES = FeatureOptions(sampling_rate=RATE_HZ, fft_length=128, sequence_stride=64, num_mel_bins=20)
GOOD_FILES = 48
CULPRITS = 8  # among them, so that most batches hold none or one
FAULTS = ("SIGSEGV", "SIGBUS", "SIGILL", "SIGABRT", "SIGFPE", "SIGKILL", "exit0", "exit1", "exit3")
ITEM_S = 0.5  # that an item may take where one hangs
GROUP_BYTES = 250_000_000  # of memory, for a run one file of which takes all


@dataclass
class Heard:
    """A listener that keeps the failures."""

    failures: list[Row] = field(default_factory=list)

    def found(self, found: Found) -> None:
        pass

    def warned(self, warning: str) -> None:
        raise AssertionError(warning)

    def planned(self, report: Report) -> None:
        pass

    def failed(self, row: Row) -> None:
        self.failures.append(row)

    def worker_lost(self, loss: WorkerLoss) -> None:
        pass

    def retrying(self, num_inputs: int, *, batches: int) -> None:
        pass

    def stopping(self, report: Report, num_batches: int) -> None:
        pass

    def advanced(self, report: Report) -> None:
        pass


def run(folder: Path, out: Path, format_: Any, limits: Limits | None = None) -> tuple[Report, list[Row]]:
    heard = Heard()
    config = Config(features=FEATURES, output=OutputOptions(format=format_, shard_mb=1))
    request = Request(inputs=[str(folder)], out=str(out), config=config, workers=2, limits=limits or Limits())
    return extract(request, heard), heard.failures


@pytest.fixture
def good(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    plant(folder, *[f"{number:02}.wav" for number in range(GOOD_FILES)], seconds=0.05)
    return folder


def features_of(out: Path) -> dict[str, bytes]:
    return {name: content for name, content in tree(out).items() if name.endswith((".npy", ".h5"))}


@loop(quick=2, soak=600)
@pytest.mark.parametrize("format_", full_but(["npy", "hdf5"], "hdf5"))
def test_deaths(
    rounds: int, seed: int, tally: Tally, tmp_path: Path, good: Path, monkeypatch: pytest.MonkeyPatch, format_: str
) -> None:
    """A worker dies while it decodes a file: the culprit is named each time, and its neighbors are done."""
    chance = random.Random(f"deaths {format_} {seed}")
    run(good, tmp_path / "undisturbed", format_)
    undisturbed = features_of(tmp_path / "undisturbed")
    monkeypatch.setattr("melcli.run.engines.local.LocalEngine", FaultyEngine)
    sound = encode(noise(0, seconds=0.05), ".wav")
    done = 0
    while done < rounds:
        with tally.round() as number:
            culprits = {}
            for place in chance.sample(range(GOOD_FILES), min(CULPRITS, rounds - done)):
                fault = chance.choice(FAULTS)
                culprits[f"{place:02}x.{fault}"] = fault
            done += len(culprits)
            tally.count(len(culprits) - 1)
            paths = [good / f"{name}.wav" for name in culprits]
            for path in paths:
                path.write_bytes(sound)
            out = tmp_path / f"out{number}"
            report, failures = run(good, out, format_)
            check_finished(out)
            assert {row.id: how_it_died(row) for row in failures} == culprits
            assert (report.done, report.exit_code) == (GOOD_FILES, 3)
            assert features_of(out) == undisturbed
        for path in good.glob("*x.*.wav"):
            path.unlink()


def how_it_died(row: Row) -> str:
    assert row.reason == "decoder_crash", row
    told = re.fullmatch(r".*: the worker crashed with (?:(SIG\w+)|exit code (\d+))", row.message or "")
    assert told is not None, row
    return told[1] or f"exit{told[2]}"


@pytest.mark.full
@loop(quick=1, soak=100)
@pytest.mark.parametrize("format_", ["npy", "hdf5"])
def test_kills_by_hand(rounds: int, seed: int, tally: Tally, tmp_path: Path, corpus: Corpus, format_: str) -> None:
    """A worker is killed from outside at a random time: that costs only time, and blames nobody."""
    chance = random.Random(f"by hand {format_} {seed}")
    work = Work(corpus, tmp_path / "out", format_)
    for _ in range(rounds):
        with work.round(tally):
            process = work.start()
            time.sleep(chance.uniform(0, work.whole_s))
            number = chance.choice([signal.SIGKILL, signal.SIGSEGV])
            if workers := workers_of(process):
                kill_one(chance.choice(workers), number)
            work.check_through(process.end())


@pytest.mark.full
@pytest.mark.parametrize("format_", ["npy", "hdf5"])
def test_a_file_that_hangs_costs_its_deadline_and_nothing_else(
    tmp_path: Path, good: Path, monkeypatch: pytest.MonkeyPatch, format_: str
) -> None:
    run(good, tmp_path / "undisturbed", format_)
    monkeypatch.setattr("melcli.run.engines.local.LocalEngine", FaultyEngine)
    (good / "20x.hang.wav").write_bytes(encode(noise(0, seconds=0.05), ".wav"))
    limits = Limits(timeout_per_item_s=ITEM_S * stretch())
    report, failures = run(good, tmp_path / "out", format_, limits)
    assert [(row.id, row.reason) for row in failures] == [("20x.hang", "timeout")]
    assert (report.done, report.exit_code) == (GOOD_FILES, 3)
    check_finished(tmp_path / "out")
    assert features_of(tmp_path / "out") == features_of(tmp_path / "undisturbed")


@pytest.mark.full
def test_a_worker_that_is_stopped_is_ended_at_its_deadline(tmp_path: Path) -> None:
    """As by a debugger, or by a disk that no longer answers: then no alarm strikes, and the driver ends it."""
    plant(tmp_path / "in", *[f"{number:02}.wav" for number in range(32)], seconds=0.8)
    heavy = ("-s", "sampling_rate=8000", "-s", "fft_length=8192", "-s", "sequence_stride=16", "-s", "num_mel_bins=4")
    before = "import melcli.run.batching as batches; batches.STORING_TIMEOUT_S = 2"
    limit = ("--timeout-per-item", f"{ITEM_S * stretch():.1f}")
    process = start("extract", tmp_path / "in", *heavy, *limit, "-j", "2", out=tmp_path / "out", before=before)
    process.wait_for_rows(1)
    (victim, *_) = workers_of(process)
    os.kill(victim, signal.SIGSTOP)
    ended = process.end()
    assert (ended.code, ended.err.count("failed:")) == (0, 0), ended
    check_nobody_left(process.process.pid)
    check_finished(tmp_path / "out")


@pytest.mark.full
@pytest.mark.parametrize("format_", full_but(["npy", "hdf5"], "npy"))
def test_memory_that_is_bounded(tmp_path: Path, format_: str) -> None:
    """A filter bank that does not fit is the file's failure and no hang: there is one bad input after another."""
    plant(tmp_path / "in", "a.wav", "b.wav", seconds=0.05)
    large = ("-s", "fft_length=131072", "-s", "num_mel_bins=1000", "-s", "sampling_rate=8000")
    ended = run_alone(
        "extract", tmp_path / "in", *large, "-f", format_, "--max-memory-per-worker", "256", out=tmp_path / "out"
    )
    assert ended.code == 3, ended
    assert {row["reason"] for row in rows(tmp_path / "out").values()} == {"out_of_memory"}
    check_finished(tmp_path / "out")


@pytest.mark.full
@pytest.mark.parametrize("format_", ["npy", "hdf5"])
def test_a_file_that_needs_more_than_a_worker_may_have(
    tmp_path: Path, good: Path, monkeypatch: pytest.MonkeyPatch, format_: str
) -> None:
    run(good, tmp_path / "undisturbed", format_)
    monkeypatch.setattr("melcli.run.engines.local.LocalEngine", FaultyEngine)
    (good / "20x.hoard.wav").write_bytes(encode(noise(0, seconds=0.05), ".wav"))
    report, failures = run(good, tmp_path / "out", format_, Limits(max_memory_bytes=300_000_000))
    assert [(row.id, row.reason) for row in failures] == [("20x.hoard", "out_of_memory")]
    assert (report.done, report.lost_batches) == (GOOD_FILES, 0)  # the worker goes on
    check_finished(tmp_path / "out")
    assert features_of(tmp_path / "out") == features_of(tmp_path / "undisturbed")


@pytest.mark.full
def test_a_crash_is_in_the_summary_the_json_and_the_log(tmp_path: Path) -> None:
    plant(tmp_path / "in", "a.wav", "b.SIGSEGV.wav", "c.wav", seconds=0.05)
    ended = run_alone(
        *("extract", tmp_path / "in", *LIGHT, "-j", "1", "--json", "--log-file", tmp_path / "run.log"),
        out=tmp_path / "out",
        before=BEFORE,
        env={"PYTHONPATH": ROOT},
    )
    told = json.loads(ended.out)
    assert (ended.code, told["ok"], told["failed"]) == (3, 2, 1)
    crashes = told["worker_crashes"]
    assert crashes >= 2  # alone it is tried twice
    assert ended.err.splitlines()[-2].startswith(f"workers: {crashes} crashed")
    lines = (tmp_path / "run.log").read_text().splitlines()
    assert sum(bool(re.search(r"event=worker_crash pid=\d+ how=SIGSEGV inputs=\d", line)) for line in lines) == crashes
    assert sum("event=retry" in line for line in lines) > 0
    assert told["retries"] > 0


@pytest.mark.full
def test_a_worker_that_the_system_kills_for_memory(tmp_path: Path) -> None:
    """Real kills of the kernel's: the file that needs too much is named, and all others are done."""
    plant(tmp_path / "in", *[f"{number:02}.wav" for number in range(12)], seconds=0.05)
    (tmp_path / "in" / "05x.hoard.wav").write_bytes(encode(noise(0, seconds=0.05), ".wav"))
    with memory_group(GROUP_BYTES) as group:
        ended = run_alone(
            *("extract", tmp_path / "in", *LIGHT, "-j", "1"),
            out=tmp_path / "out",
            before=f"{group.enter}\n{BEFORE}",
            env={"PYTHONPATH": ROOT},
        )
        assert group.oom_kills > 0
    assert ended.code == 3, ended
    failed = {row["id"]: row["reason"] for row in rows(tmp_path / "out", "failures.jsonl").values()}
    assert failed == {"05x.hoard": "out_of_memory"}
    check_finished(tmp_path / "out")


@pytest.mark.full
@pytest.mark.parametrize(
    "how", full_but(["numpy is broken", "numpy ends the process", "no interpreter"], "numpy ends the process")
)
def test_every_worker_dies_at_start(tmp_path: Path, how: str) -> None:
    """The run says so soon, starts no storm of processes, and blames no input."""
    plant(tmp_path / "in", *[f"{number:02}.wav" for number in range(32)], seconds=0.05)
    broken = tmp_path / "broken"
    (broken / "numpy").mkdir(parents=True)
    content = {
        "numpy is broken": "raise ImportError('numpy is broken')",
        "numpy ends the process": f"import os; os.write(os.open({str(tmp_path / 'starts')!r}, 1 | 64 | 1024), b'x')\n"
        "os.kill(os.getpid(), 11)",
        "no interpreter": "",
    }[how]
    (broken / "numpy" / "__init__.py").write_text(content)
    if how == "no interpreter":
        (broken / "sitecustomize.py").write_text(
            "import os, sys\nif any('engines.worker' in part for part in sys.orig_argv):\n    os._exit(1)\n"
        )
    watch = Stopwatch()
    ended = run_alone(
        "extract", tmp_path / "in", *LIGHT, "-j", "4", out=tmp_path / "out", env={"PYTHONPATH": str(broken)}
    )
    assert ended.code == 7, ended
    assert watch.quiet_s < 30.0
    assert "Traceback" not in ended.err
    assert "failed:" not in ended.err
    assert not (tmp_path / "starts").exists() or (tmp_path / "starts").stat().st_size < 10
    again = run_alone("extract", tmp_path / "in", *LIGHT, out=tmp_path / "out")
    run_alone("extract", tmp_path / "in", *LIGHT, out=tmp_path / "undisturbed")
    assert again.code == 0
    check_after_rerun(tmp_path / "out", tree(tmp_path / "undisturbed"), said=again.err)


@pytest.mark.full
@pytest.mark.parametrize("most", [10, pytest.param(dispatcher.MAX_CRASHES_IN_A_ROW, marks=pytest.mark.soak)])
def test_workers_that_keep_dying_end_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    """Every file kills its worker: it cannot be the files."""
    monkeypatch.setattr(dispatcher, "MAX_CRASHES_IN_A_ROW", most)
    monkeypatch.setattr("melcli.run.engines.local.LocalEngine", FaultyEngine)
    plant(tmp_path / "in", *[f"{number:03}.SIGSEGV.wav" for number in range(4 * most)], seconds=0.05)
    told = rf"{most} workers crashed in a row; the last one: the worker crashed with SIGSEGV"
    with pytest.raises(WorkersFailing, match=told):
        run(tmp_path / "in", tmp_path / "out", "npy")


@pytest.mark.full
def test_what_a_dying_decoder_said_stands_in_its_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("melcli.run.engines.local.LocalEngine", FaultyEngine)
    plant(tmp_path / "in", "a.wav", "b.shout.wav", seconds=0.05)
    _, failures = run(tmp_path / "in", tmp_path / "out", "npy")
    assert [(row.id, row.stderr) for row in failures] == [("b.shout", r"free(): \x1b[31minvalid pointer / aborting")]
    line = (tmp_path / "out" / "failures.jsonl").read_text()
    assert json.loads(line)["stderr"] == failures[0].stderr
