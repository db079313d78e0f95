"""Whole runs, called as a function: deaths in real workers, torn journals, any number of workers, any order."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from melcli.audio.options import AudioOptions
from melcli.config.config import Config
from melcli.mel.options import FeatureOptions
from melcli.run.batching import Batch
from melcli.run.engines.contract import WorkerCrashed
from melcli.run.extract import extract
from melcli.run.limits import Limits
from melcli.run.plan import Rerun
from melcli.run.report import FailureLimit, Report
from melcli.run.request import Request
from melcli.run.worker_losses import WorkerLoss
from melcli.run.worker_tasks import run_batch
from melcli.sources.found import Found
from melcli.store.leftovers import temporary_name
from melcli.store.options import OutputOptions
from melcli.store.rows import Row
from tests.elapsed import stretch
from tests.run.corpus import RATE_HZ, plant, tree
from tests.run.engines.inline import InlineEngine
from tests.run.faults import FaultyEngine
from tests.run.invariants import check_after_fault, check_after_rerun, check_finished
from tests.tiers import full_but

# Many numbers for little work: 64 mels, 250 frames a second, 8 bytes. A shard of a megabyte holds 7.8 s of audio.
FEATURES = FeatureOptions(sampling_rate=RATE_HZ, fft_length=128, sequence_stride=32, num_mel_bins=64)
FORMATS = pytest.mark.parametrize("format_", ["npy", "hdf5"])


class Killed(BaseException):
    """Stands for a SIGKILL: nothing in melcli catches it."""


@dataclass
class Heard:
    """A listener that keeps what it was told."""

    found_items: list[str] = field(default_factory=list)
    planned_to_do: int = -1
    failures: list[Row] = field(default_factory=list)

    def found(self, found: Found) -> None:
        self.found_items = [item.id for item in found.items]

    def warned(self, warning: str) -> None:
        raise AssertionError(warning)

    def planned(self, report: Report) -> None:
        self.planned_to_do = report.to_do

    def failed(self, row: Row) -> None:
        self.failures.append(row)

    def worker_lost(self, loss: WorkerLoss) -> None:
        pass

    def retrying(self, num_inputs: int, *, batches: int) -> None:
        pass

    def stopping(self, report: Report, num_batches: int) -> None:
        pass

    def advanced(self, report: Report) -> None:
        assert report.done + report.failed <= report.to_do


def run(out: Path, *inputs: Path, format_: Any = "npy", heard: Heard | None = None, **more: Any) -> Report:
    config = Config(
        audio=AudioOptions(channels=more.pop("channels", "mix")),
        features=more.pop("features", FEATURES),
        output=OutputOptions(format=format_, dtype="float64", shard_mb=1),
    )
    request = Request(inputs=[str(path) for path in inputs], out=str(out), config=config, **more)
    return extract(request, heard or Heard())


def few_shards(folder: Path) -> None:
    """Make sounds of which two fill a shard, and a bad file; the last shards are done first."""
    plant(folder, "a.wav", "b.wav", "c.wav", "d.wav", seconds=3.5)
    plant(folder, "e.wav", "f.wav", "g.wav", "h.wav", seconds=3.6)
    (folder / "bad.wav").write_bytes(b"")


def test_the_listener_is_told(tmp_path: Path, inline: None) -> None:
    plant(tmp_path / "in", "a.wav", "b.wav")
    (tmp_path / "in" / "bad.wav").write_bytes(b"")
    heard = Heard()
    report = run(tmp_path / "out", tmp_path / "in", heard=heard)
    assert heard.found_items == ["a", "b", "bad"]
    assert heard.planned_to_do == 3
    assert [(row.id, row.reason) for row in heard.failures] == [("bad", "empty")]
    assert (report.done, report.failed, report.exit_code) == (2, 1, 3)


OPTIONS = {"npy": {}, "hdf5": {"format_": "hdf5"}, "each": {"channels": "each"}}


@pytest.mark.parametrize("options", full_but(OPTIONS.values(), OPTIONS["hdf5"]), ids=OPTIONS)
def test_one_worker_and_four_give_the_same_bytes(tmp_path: Path, options: dict[str, Any]) -> None:
    few_shards(tmp_path / "in")
    plant(tmp_path / "in" / "more", *[f"{number}.flac" for number in range(20)], channels=2)
    for workers in (1, 4):
        run(tmp_path / str(workers), tmp_path / "in", workers=workers, **options)
        check_finished(tmp_path / str(workers))
    assert tree(tmp_path / "1") == tree(tmp_path / "4")
    assert options != {"format_": "hdf5"} or len(list((tmp_path / "1").glob("*.h5"))) > 1


@FORMATS
def test_any_order_of_the_inputs_gives_the_same_bytes(tmp_path: Path, inline: None, format_: str) -> None:
    plant(tmp_path / "x", "a.wav", "d.wav", "sub/e.wav")
    plant(tmp_path / "y", "b.wav")
    inputs = [tmp_path / "x", tmp_path / "y", *plant(tmp_path, "c.wav")]
    trees = []
    for order in permutations(inputs):
        out = tmp_path / "out"
        run(out, *order, format_=format_)
        trees.append(tree(out))
        shutil.rmtree(out)
    assert trees[1:] == trees[:-1]
    assert b'"id":"sub/e"' in trees[0]["manifest.jsonl"]


def run_and_die(monkeypatch: pytest.MonkeyPatch, out: Path, *inputs: Path, **options: Any) -> bytes:
    """Run, and die when all is done but the manifest; return the journal that is left."""

    def die(*arguments: Any, **options: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("melcli.store.history.History.write_manifest", die)
        with pytest.raises(Killed):
            run(out, *inputs, **options)
    return (out / ".melcli" / "journal.jsonl").read_bytes()


@pytest.mark.few(1)
@FORMATS
def test_a_killed_overwrite_leaves_no_row_over_other_features(
    tmp_path: Path, inline: None, monkeypatch: pytest.MonkeyPatch, format_: str
) -> None:
    """The plan of shards of a stopped run must not be followed once everything is made again."""

    def die(*arguments: Any, **options: Any) -> None:
        raise Killed

    few_shards(tmp_path / "in")
    out = tmp_path / "out"
    run_and_die(monkeypatch, out, tmp_path / "in", format_=format_)
    other = replace(FEATURES, num_mel_bins=FEATURES.num_mel_bins + 1)
    overwrite: dict[str, Any] = {"format_": format_, "features": other, "rerun": Rerun(overwrite=True)}
    with monkeypatch.context() as patch:
        patch.setattr("melcli.run.execute.merge_journal", die)
        with pytest.raises(Killed):
            run(out, tmp_path / "in", **overwrite)
    check_after_fault(out)
    run(out, tmp_path / "in", format_=format_, features=other)
    check_finished(out)
    run(tmp_path / "undisturbed", tmp_path / "in", format_=format_, features=other)
    assert (out / "manifest.jsonl").read_bytes() == (tmp_path / "undisturbed" / "manifest.jsonl").read_bytes()


@pytest.mark.few(1)
@FORMATS
def test_a_run_that_stopped_for_its_failures_is_completed_by_the_next(
    tmp_path: Path, inline: None, format_: str
) -> None:
    few_shards(tmp_path / "in")
    (tmp_path / "in" / "aa.wav").write_bytes(b"not audio")
    run(tmp_path / "undisturbed", tmp_path / "in", format_=format_)
    stopped = run(tmp_path / "out", tmp_path / "in", format_=format_, limit=FailureLimit(number=0))
    assert stopped.exit_code == 7
    check_after_fault(tmp_path / "out")
    report = run(tmp_path / "out", tmp_path / "in", format_=format_)
    assert report.exit_code == 3
    check_after_rerun(tmp_path / "out", tree(tmp_path / "undisturbed"))


@pytest.mark.few(1)
@FORMATS
def test_a_run_whose_time_is_over_is_completed_by_the_next(
    tmp_path: Path, inline: None, format_: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("melcli.run.planner.planner.PlanningProcess", no_process)  # its time would be over at once
    few_shards(tmp_path / "in")
    run(tmp_path / "undisturbed", tmp_path / "in", format_=format_)
    stopped = run(tmp_path / "out", tmp_path / "in", format_=format_, limits=Limits(max_time_s=0.0))
    assert (stopped.exit_code, stopped.stopped_by) == (10, "max time")
    assert 0 < stopped.left < stopped.to_do
    check_after_fault(tmp_path / "out")
    report = run(tmp_path / "out", tmp_path / "in", format_=format_, limits=Limits(max_time_s=3600.0))
    assert report.exit_code == 3
    check_after_rerun(tmp_path / "out", tree(tmp_path / "undisturbed"))
    assert run(tmp_path / "out", tmp_path / "in", format_=format_, limits=Limits(max_time_s=0.0)).exit_code == 3


def no_process() -> None:
    """Refuse to start one, as a system does that has none left."""
    raise BlockingIOError(11, "Resource temporarily unavailable")


def test_the_time_of_planning_is_limited_without_a_planner_of_the_caller(tmp_path: Path, inline: None) -> None:
    few_shards(tmp_path / "in")
    stopped = run(tmp_path / "out", tmp_path / "in", limits=Limits(max_time_s=0.0))
    assert (stopped.exit_code, stopped.stopped_by, stopped.to_do) == (10, "max time", 0)
    assert not (tmp_path / "out").exists()


def note_batches(monkeypatch: pytest.MonkeyPatch, note: Callable[[Batch], None]) -> None:
    """Do the work of every run in this process, and have each batch noted right before it is done."""

    class Noting(InlineEngine):
        def submit(self, function: Callable[[Any], Any], argument: Any, *, timeout_s: float) -> Future[Any]:
            if function is run_batch:
                note(argument[1])
            return super().submit(function, argument, timeout_s=timeout_s)

    monkeypatch.setattr("melcli.run.engines.local.LocalEngine", Noting)


@pytest.mark.few(1)
@pytest.mark.parametrize("durability, most_items", [("none", 3), ("batch", 3), ("file", 1)])
def test_with_durability_file_each_file_is_a_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, durability: str, most_items: int
) -> None:
    sizes: list[int] = []
    note_batches(monkeypatch, lambda batch: sizes.append(len(batch.items)))
    plant(tmp_path / "in", *[f"{number:02}.wav" for number in range(24)])
    run(tmp_path / "batch", tmp_path / "in")
    sizes.clear()
    run(tmp_path / "out", tmp_path / "in", durability=durability)
    assert (sum(sizes), max(sizes)) == (24, most_items)
    check_finished(tmp_path / "out")
    assert tree(tmp_path / "out") == tree(tmp_path / "batch")


@pytest.mark.parametrize("durability", ["none", "batch", "file"])
def test_an_out_of_outputs_that_were_not_flushed_is_marked_before_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, durability: str
) -> None:
    mark = tmp_path / "out" / ".melcli" / "unflushed"
    seen: list[bool] = []
    note_batches(monkeypatch, lambda batch: seen.append(mark.exists()))
    plant(tmp_path / "in", "a.wav", "b.wav")
    run(tmp_path / "out", tmp_path / "in", durability=durability)
    assert set(seen) == {durability == "none"}


@FORMATS
def test_a_batch_that_died_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, format_: str) -> None:
    """What a dead worker had staged is cleared away by the same run."""

    def die_of_b(argument: Any) -> None:
        if argument is not None and "sub/b" in [item.id for item in argument[1].items]:
            (tmp_path / "out" / "sub").mkdir(exist_ok=True)
            (tmp_path / "out" / "sub" / temporary_name()).touch()
            raise WorkerCrashed(-9, stderr="hm")

    monkeypatch.setattr("melcli.run.engines.local.LocalEngine", partial(InlineEngine, before=die_of_b))
    plant(tmp_path / "in", "a.wav", "sub/b.wav")
    heard = Heard()
    report = run(tmp_path / "out", tmp_path / "in", format_=format_, heard=heard)
    assert (report.done, report.failed) == (1, 1)
    assert [(row.id, row.reason, row.stderr) for row in heard.failures] == [("sub/b", "decoder_crash", "hm")]
    check_finished(tmp_path / "out")


def test_leftovers_are_cleared_away_at_the_top_always_and_below_after_an_interrupted_run(
    tmp_path: Path, inline: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A million outputs in a thousand folders are not looked through each time that there is nothing to do."""
    out = tmp_path / "out"
    leftovers = [out / folder / temporary_name() for folder in (".", ".melcli", "sub")]
    plant(tmp_path / "in", "a.wav", "sub/b.wav")
    run_and_die(monkeypatch, out, tmp_path / "in")
    for path in leftovers:
        path.touch()
    run(out, tmp_path / "in")
    assert [path.exists() for path in leftovers] == [False, False, False]
    for path in leftovers:
        path.touch()
    run(out, tmp_path / "in")
    assert [path.exists() for path in leftovers] == [False, False, True]


def some_sounds(folder: Path, culprits: Sequence[str]) -> None:
    plant(folder, *[f"{number:02}.wav" for number in range(20)], *culprits)


@pytest.mark.full
@FORMATS
def test_workers_that_die_or_hang_cost_their_own_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, format_: str
) -> None:
    """Batches of two and three files; the fault strikes in the middle of one."""
    monkeypatch.setattr("melcli.run.engines.local.LocalEngine", FaultyEngine)
    culprits = ["03x.SIGSEGV.wav", "09x.exit3.wav", "12x.exit0.wav", "15x.hang.wav"]
    some_sounds(tmp_path / "in", culprits)
    some_sounds(tmp_path / "good", [])
    heard = Heard()
    limits = Limits(timeout_per_item_s=0.5 * stretch())
    report = run(tmp_path / "out", tmp_path / "in", format_=format_, heard=heard, limits=limits)
    assert (report.done, report.failed, report.exit_code) == (20, 4, 3)
    assert {row.id: row.reason for row in heard.failures} == {
        "03x.SIGSEGV": "decoder_crash",
        "09x.exit3": "decoder_crash",
        "12x.exit0": "decoder_crash",
        "15x.hang": "timeout",
    }
    for row in heard.failures:
        assert (row.message or "").startswith(f"{row.source}: the worker ")

    run(tmp_path / "expected", tmp_path / "good", format_=format_)
    expected, found = tree(tmp_path / "expected"), tree(tmp_path / "out")
    features = [name for name in expected if name.endswith((".npy", ".h5"))]
    assert {name: found[name] for name in features} == {name: expected[name] for name in features}
    shutil.rmtree(tmp_path / "in")
    some_sounds(tmp_path / "in", [])
    # A run with nothing of the kind before it, and a temporary file that a dead worker left is gone after it.
    (tmp_path / "in" / "new.wav").write_bytes((tmp_path / "in" / "00.wav").read_bytes())
    run(tmp_path / "out", tmp_path / "in", format_=format_)
    check_finished(tmp_path / "out")


def test_a_failed_item_is_left_to_the_next_run_that_asks_for_it(tmp_path: Path, inline: None) -> None:
    plant(tmp_path / "in", "a.wav")
    (tmp_path / "in" / "bad.wav").write_bytes(b"")
    run(tmp_path / "out", tmp_path / "in")
    again = Heard()
    assert run(tmp_path / "out", tmp_path / "in", heard=again).exit_code == 3
    assert (again.planned_to_do, again.failures) == (0, [])
    assert run(tmp_path / "out", tmp_path / "in", heard=again, rerun=Rerun(retry_failed=True)).exit_code == 3
    assert (again.planned_to_do, len(again.failures)) == (1, 1)
