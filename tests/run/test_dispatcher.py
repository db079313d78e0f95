"""The loop over batches, against engines that answer by a script."""

from __future__ import annotations

import json
import math
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from melcli.config.config import Config
from melcli.errors import StorageError, WorkersFailing
from melcli.mel.options import FeatureOptions
from melcli.run import dispatcher as dispatcher_module
from melcli.run.batching import Batch, planned_shard
from melcli.run.deadline import remaining_s
from melcli.run.dispatcher import MAX_CRASHES_IN_A_ROW, MAX_LOSSES_IN_A_ROW, Dispatcher
from melcli.run.engines.contract import Advance, BatchLost, BatchTimedOut, Engine, WorkerCrashed
from melcli.run.interrupts import Interrupts
from melcli.run.job import BatchResult as BatchOutcome
from melcli.run.job import Job, TrialDone
from melcli.run.limits import Limits
from melcli.run.report import FailureLimit, Report
from melcli.run.tally import count_rows
from melcli.run.worker_losses import WorkerLoss, losses_in_words
from melcli.sources.found import Found
from melcli.sources.items import Item
from melcli.store.lines import Line
from melcli.store.rows import Row, row_of
from tests.elapsed import Stopwatch, deadline_in, stretch
from tests.run.corpus import plant, tree
from tests.run.engines.inline import InlineEngine, ScriptedEngine
from tests.store.rows import make_row


def job(out: str) -> Job:
    config = Config()
    return Job(out=out, config=config, config_id=config.config_id)


JOB = job("OUT")
SEGV = -int(signal.SIGSEGV)
KILL = -int(signal.SIGKILL)
TRACEBACK = 'Traceback (most recent call last): / File "batch.py", line 9, in f'

Script = Callable[[Batch, bool], list[Row]]


def item(name: str) -> Item:
    return Item(name, f"in/{name}.wav", 10, 20)


def batch(*names: str) -> Batch:
    return Batch(items=tuple(map(item, names)))


def names(one: Batch) -> str:
    return "".join(item.id for item in one.items)


def finish(one: Batch, trial: bool = False) -> list[Row]:
    """Answer as a worker without any trouble does."""
    return [
        make_row(
            item.id,
            source=item.source,
            source_size=item.size,
            source_mtime_ns=item.mtime_ns,
            duration=1.0,
            config_id="c",
        )
        for item in one.items
    ]


def refuse(one: Batch, trial: bool = False) -> list[Row]:
    """Answer that every input is bad."""
    return [
        make_row(item.id, source=item.source, status="failed", source_size=0, source_mtime_ns=0, config_id="c")
        for item in one.items
    ]


def deadly(*culprits: str, error: Exception | None = None) -> Script:
    """Lose every batch that holds one of the culprits."""

    def script(one: Batch, trial: bool) -> list[Row]:
        if set(names(one)) & set(culprits):
            raise error or WorkerCrashed(SEGV)
        return finish(one)

    return script


@dataclass
class BatchResult:
    """What one pass came to; also its listener."""

    report: Report
    written: list[Row] = field(default_factory=list)
    told: list[Row] = field(default_factory=list)
    advances: int = 0
    warnings: list[str] = field(default_factory=list)
    losses: list[WorkerLoss] = field(default_factory=list)
    retries: list[tuple[int, int]] = field(default_factory=list)
    finishing: list[int] = field(default_factory=list)
    in_progress: list[tuple[int, float]] = field(default_factory=list)

    def found(self, found: Found) -> None:
        raise AssertionError("a dispatcher finds nothing")

    def warned(self, warning: str) -> None:
        self.warnings.append(warning)

    def planned(self, report: Report) -> None:
        raise AssertionError("a dispatcher plans nothing")

    def failed(self, row: Row) -> None:
        self.told.append(row)

    def worker_lost(self, loss: WorkerLoss) -> None:
        self.losses.append(loss)

    def retrying(self, num_inputs: int, *, batches: int) -> None:
        self.retries.append((num_inputs, batches))

    def stopping(self, report: Report, num_batches: int) -> None:
        self.finishing.append(num_batches)

    def advanced(self, report: Report) -> None:
        assert report is self.report
        self.advances += 1
        self.in_progress.append(_in_progress(report))

    def write(self, rows: Sequence[Row | Line]) -> None:
        self.written += [row if isinstance(row, Row) else row_of(json.loads(row.text)) for row in rows]

    @property
    def ids(self) -> list[str]:
        return sorted(row.id for row in self.written)


def drive(
    engine: Engine,
    *batches: Batch,
    outcome: BatchResult | None = None,
    limit: FailureLimit | None = None,
    interrupts: Interrupts | None = None,
    of: Job = JOB,
    until_s: float = math.inf,
) -> BatchResult:
    outcome = outcome or outcome_of(*batches)
    one_pass = Dispatcher(
        engine,
        of,
        record=outcome.write,
        report=outcome.report,
        limit=limit or FailureLimit(),
        listener=outcome,
        until_s=until_s,
    )
    one_pass.run(batches, interrupts or Interrupts())
    return outcome


def outcome_of(*batches: Batch) -> BatchResult:
    return BatchResult(Report(out="OUT", to_do=sum(len(one.items) for one in batches)))


def answer(script: Script, one: Batch, trial: bool) -> Any:
    """Return what a worker returns: of a trial nothing but that it is over."""
    made = script(one, trial)
    return TrialDone() if trial else came_of(made, seconds={"fft": 2.0, "write": 0.5}, cpu_s=1.5)


def came_of(made: list[Row], **known: Any) -> BatchOutcome:
    rows = [row if row.status == "failed" else row.to_line() for row in made]
    return BatchOutcome(rows=rows, tally=count_rows(made, FeatureOptions()), **known)


@contextmanager
def scripted(script: Script, workers: int = 1) -> Iterator[ScriptedEngine]:
    engine = ScriptedEngine(workers, partial(answer, script))
    try:
        yield engine
    finally:
        engine.stop()


def test_every_batch_is_handed_out_once_in_order_and_written_down() -> None:
    batches = [batch("a", "b"), batch("c"), batch("d", "e")]
    with scripted(finish) as engine:
        outcome = drive(engine, *batches)
    assert engine.calls == [(False, one) for one in batches]
    assert [row.id for row in outcome.written] == ["a", "b", "c", "d", "e"]
    assert (outcome.report.done, outcome.report.left, outcome.report.exit_code) == (5, 0, 0)
    assert outcome.advances >= len(batches)


def test_the_time_of_the_workers_is_added_up() -> None:
    with scripted(finish, workers=3) as engine:
        report = drive(engine, batch("a", "b"), batch("c"), batch("d")).report
    assert report.workers == 3
    assert report.stage_seconds == {"fft": 6.0, "write": 1.5}
    assert report.worker_cpu_s == 4.5
    assert 0.0 < report.working_s <= report.elapsed_s


def test_a_lost_batch_adds_the_time_of_the_run_that_came_back() -> None:
    with scripted(deadly("b")) as engine:
        report = drive(engine, batch("a", "b", "c")).report
    assert report.stage_seconds == {"fft": 2.0, "write": 0.5}  # once; trials and what was lost are not known


@pytest.mark.parametrize("workers", [1, 3])
def test_at_most_two_batches_for_each_worker_are_in_flight_and_none_is_kept(workers: int) -> None:
    with scripted(finish, workers) as engine:
        drive(engine, *[batch(name) for name in "abcdefghijklmnopqrstuvwxyz"])
    assert engine.most_open == 2 * workers
    assert engine.most_kept <= 2 * workers


def test_losses_and_retries_are_told_and_counted() -> None:
    with scripted(deadly("b", error=WorkerCrashed(SEGV, pid=7, stderr="hm"))) as engine:
        outcome = drive(engine, batch("a", "b", "c"))
    report = outcome.report
    assert [(loss.kind, loss.pid, loss.how, loss.stderr) for loss in outcome.losses] == [
        ("worker_crash", 7, "SIGSEGV", "hm")
    ] * 3
    together, *alone = [loss.inputs for loss in outcome.losses]
    assert (together, alone) == (("in/a.wav", "in/b.wav", "in/c.wav"), [("in/b.wav",)] * 2)
    assert outcome.retries == [(3, 3), (1, 1), (2, 1)]  # each alone, the suspect once more, the others together
    assert (report.losses, report.retries, report.retried_alone) == ({"worker_crash": 3}, 5, 3)
    assert losses_in_words(report.losses, report.retried_alone) == "workers: 3 crashed; 3 inputs retried alone"


def test_no_input_counts_twice_as_retried_alone() -> None:
    def script(one: Batch, trial: bool) -> list[Row]:
        if not trial and len(one.items) > 1:
            raise WorkerCrashed(SEGV)
        return finish(one)

    with scripted(script) as engine:
        report = drive(engine, batch("a", "b", "c")).report
    assert (report.done, report.retried_alone) == (3, 3)  # though they were isolated more than once
    assert report.losses["worker_crash"] > 1


def test_workers_that_end_without_a_batch_are_told_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    deaths = [WorkerCrashed(KILL, pid=8)]
    with scripted(finish) as engine:
        monkeypatch.setattr(engine, "take_idle_deaths", lambda: [deaths.pop()] if deaths else [])
        outcome = drive(engine, batch("a"))
    assert [(loss.kind, loss.pid, loss.inputs) for loss in outcome.losses] == [("worker_killed", 8, ())]
    assert (outcome.report.losses, outcome.report.lost_batches) == ({"worker_killed": 1}, 0)


def test_failures_are_told_and_counted() -> None:
    with scripted(refuse) as engine:
        outcome = drive(engine, batch("a", "b"))
    assert [row.id for row in outcome.told] == ["a", "b"]
    assert (outcome.report.failed, outcome.report.exit_code) == (2, 3)


@pytest.mark.parametrize(
    "error, reason, words",
    [
        (WorkerCrashed(SEGV), "decoder_crash", "in/c.wav: the worker crashed with SIGSEGV"),
        (WorkerCrashed(3), "decoder_crash", "in/c.wav: the worker crashed with exit code 3"),
        (WorkerCrashed(0), "decoder_crash", "in/c.wav: the worker crashed with exit code 0"),
        (WorkerCrashed(1), "decoder_crash", "in/c.wav: the worker crashed with exit code 1"),
        (
            WorkerCrashed(SEGV, stderr=f"{TRACEBACK} / KeyError: 3"),
            "decoder_crash",
            "in/c.wav: the worker crashed with SIGSEGV",
        ),
        (WorkerCrashed(KILL), "decoder_crash", "in/c.wav: the worker crashed with SIGKILL"),
        (
            WorkerCrashed(KILL, out_of_memory=True),
            "out_of_memory",
            "in/c.wav: the system killed the worker because memory ran out, with only this input in progress",
        ),
        *(
            (
                WorkerCrashed(1, stderr=f"{TRACEBACK} / {said}"),
                reason,
                "in/c.wav: an unexpected exception ended the worker",
            )
            for said, reason in [
                ("KeyError: 3", "internal"),
                ("MemoryError", "out_of_memory"),
                ("MemoryError: no more", "out_of_memory"),
                ("numpy._core._exceptions._ArrayMemoryError: Unable to allocate 9 GiB", "out_of_memory"),
                ("ValueError: what was a MemoryError", "internal"),
            ]
        ),
        (
            BatchTimedOut(),
            "timeout",
            "in/c.wav: the worker took too long and was stopped; 65 s are allowed (--timeout-per-item)",
        ),
        (
            BatchTimedOut(stderr="hm"),
            "timeout",
            "in/c.wav: the worker took too long and was stopped; 65 s are allowed (--timeout-per-item)",
        ),
        (BatchLost("hm"), "internal", "in/c.wav: the worker was lost: hm"),
    ],
)
def test_a_lost_batch_is_looked_into_and_the_culprit_named(error: BatchLost, reason: str, words: str) -> None:
    with scripted(deadly("c", error=error)) as engine:
        outcome = drive(engine, batch("a", "b", "c", "d"), batch("e"))
    calls = [(trial, names(one)) for trial, one in engine.calls]
    attempts = 1 if error.is_evidence else 2  # what may have come from outside is first retried as it is
    assert calls.count((False, "abcd")) == attempts
    suspect = "cc" if error.is_evidence else "ccc"
    assert sorted(call for call in calls if call[0]) == [(True, name) for name in f"ab{suspect}d"]
    assert (False, "abd") in calls
    assert outcome.report.lost_batches == len(suspect) + attempts
    (culprit,) = outcome.told
    assert (culprit.id, culprit.status, culprit.reason, culprit.message) == ("c", "failed", reason, words)
    assert (culprit.source_size, culprit.source_mtime_ns) == (10, 20)
    assert (culprit.config_id, culprit.stderr) == (JOB.config_id, error.stderr or None)
    assert outcome.ids == list("abcde")
    assert (outcome.report.done, outcome.report.failed, outcome.report.left) == (4, 1, 0)


def dying(times: int, error: BatchLost) -> Script:
    """Lose so many calls, whatever they are."""
    deaths = iter([error] * times)

    def script(one: Batch, trial: bool) -> list[Row]:
        death = next(deaths, None)
        if death is not None:
            raise death
        return finish(one)

    return script


@pytest.mark.parametrize("error", [WorkerCrashed(KILL), WorkerCrashed(None), BatchLost("the engine was stopped")])
def test_a_batch_that_is_lost_without_evidence_is_tried_as_it_is_first(error: BatchLost) -> None:
    """A kill from outside, or an end that nobody knows, says nothing about the items."""
    with scripted(dying(1, error)) as engine:
        outcome = drive(engine, batch("a", "b"))
    assert [(trial, names(one)) for trial, one in engine.calls] == [(False, "ab"), (False, "ab")]
    assert (outcome.ids, outcome.told, outcome.report.exit_code) == (["a", "b"], [], 0)


def test_where_memory_runs_out_fewer_workers_go_on_and_no_item_is_blamed() -> None:
    """Four workers do not fit, two do not either: the batch that was lost is tried again each time, as it is."""
    with scripted(finish, workers=4) as engine:

        def script(one: Batch, trial: bool) -> list[Row]:
            if engine.workers > 1:
                raise WorkerCrashed(KILL, out_of_memory=True)
            return finish(one)

        engine.answer_by(partial(answer, script))
        outcome = drive(engine, *map(batch, "abcdefghij"))
    assert not any(trial for trial, _ in engine.calls)
    assert (outcome.ids, outcome.told, outcome.report.exit_code) == (list("abcdefghij"), [], 0)
    assert engine.workers == 1
    assert [warning.rpartition(";")[2] for warning in outcome.warnings] == [
        " continuing with 2 of 4 workers",
        " continuing with 1 of 2 workers",
    ]


def test_many_workers_that_are_killed_at_once_for_memory_do_not_end_the_run() -> None:
    with scripted(finish, workers=64) as engine:
        kills = iter([WorkerCrashed(KILL, out_of_memory=True)] * 40)

        def script(one: Batch, trial: bool) -> list[Row]:
            kill = next(kills, None)
            if kill is not None:
                raise kill
            return finish(one)

        engine.answer_by(partial(answer, script))
        outcome = drive(engine, *[batch(chr(number)) for number in range(0x100, 0x100 + 200)])
    assert (outcome.report.done, outcome.told, outcome.report.exit_code) == (200, [], 0)
    assert len(outcome.warnings) == 1


def test_why_fewer_workers_run_is_told_once() -> None:
    with scripted(finish) as engine:
        engine.start_problem = "only 1 of 8 workers run: hm"
        outcome = drive(engine, *map(batch, "abc"))
    assert outcome.warnings == ["only 1 of 8 workers run: hm"]


def test_an_item_that_needs_more_memory_than_there_is_is_named_once_it_was_alone() -> None:
    with scripted(deadly("c", error=WorkerCrashed(KILL, out_of_memory=True)), workers=4) as engine:
        outcome = drive(engine, batch("a", "b"), batch("c", "d"), batch("e"))
    assert [(row.id, row.reason) for row in outcome.told] == [("c", "out_of_memory")]
    assert outcome.ids == list("abcde")
    assert engine.workers == 1


def test_an_item_is_blamed_for_a_kill_only_if_nothing_else_was_in_flight() -> None:
    open_then: list[int] = []

    def script(one: Batch, trial: bool) -> list[Row]:
        if "c" in names(one):
            open_then.append(engine.open)
            raise WorkerCrashed(KILL)
        return finish(one)

    with scripted(script, workers=2) as engine:
        outcome = drive(engine, batch("c", "d"), *map(batch, "efghijklmnopqrst"))
    assert [(row.id, row.reason) for row in outcome.told] == [("c", "decoder_crash")]
    assert open_then[-1] == 1


@pytest.mark.parametrize("result", [None, 3, TrialDone(), []])
def test_what_is_no_outcome_is_a_loss_and_never_passes_for_work(result: object) -> None:
    results = iter([result])
    with scripted(finish) as engine:
        engine.answer_by(lambda one, trial: result if next(results, "over") != "over" else answer(finish, one, trial))
        outcome = drive(engine, batch("a", "b"), batch("c"))
    assert (outcome.ids, outcome.report.left, outcome.report.lost_batches) == (list("abc"), 0, 1)


def test_several_culprits_and_several_lost_batches() -> None:
    with scripted(deadly("a", "c", "f"), workers=2) as engine:
        outcome = drive(engine, batch("a", "b", "c"), batch("d", "e", "f"), batch("g"))
    assert sorted(row.id for row in outcome.told) == ["a", "c", "f"]
    assert outcome.ids == list("abcdefg")


def test_a_batch_of_culprits_alone_is_not_run_again() -> None:
    with scripted(deadly("a", "b")) as engine:
        outcome = drive(engine, batch("a", "b"))
    calls = [(trial, names(one)) for trial, one in engine.calls]
    assert calls[0] == (False, "ab")
    assert sorted(calls[1:]) == [(True, name) for name in "aabb"]
    assert sorted(row.id for row in outcome.told) == ["a", "b"]


def test_an_item_that_dies_once_alone_and_then_not_is_no_culprit() -> None:
    """As where the system is short of memory for a while: it is done with the others after all."""
    deaths = iter([True, True, True])

    def script(one: Batch, trial: bool) -> list[Row]:
        if "b" in names(one) and next(deaths, False):
            raise WorkerCrashed(KILL)
        return finish(one)

    with scripted(script) as engine:
        outcome = drive(engine, batch("a", "b"))
    calls = [(trial, names(one)) for trial, one in engine.calls]
    assert sorted(calls) == [(False, "ab")] * 3 + [(True, "a"), (True, "b"), (True, "b")]
    assert (outcome.ids, outcome.told) == (["a", "b"], [])


def test_a_batch_that_dies_once_and_not_alone_is_done_after_all() -> None:
    deaths = iter([True])

    def script(one: Batch, trial: bool) -> list[Row]:
        if not trial and next(deaths, False):
            raise WorkerCrashed(SEGV)
        return finish(one)

    with scripted(script) as engine:
        outcome = drive(engine, batch("a", "b"))
    assert outcome.ids == ["a", "b"]
    assert outcome.report.exit_code == 0


def test_a_batch_that_always_dies_and_never_alone_is_done_item_by_item() -> None:
    """As where one item spoils the memory that another one dies of: no item is blamed."""

    def script(one: Batch, trial: bool) -> list[Row]:
        if not trial and len(one.items) > 1 and "a" in names(one):
            raise WorkerCrashed(SEGV)
        return finish(one)

    with scripted(script) as engine:
        outcome = drive(engine, batch("a", "b"), batch("c"))
    assert outcome.told == []
    assert outcome.ids == ["a", "b", "c"]


@pytest.mark.full
def test_workers_that_end_whenever_they_store_end_the_run_and_blame_no_item() -> None:
    """As where the system lets no thread be started: what is tried without storing anything goes well."""

    def script(one: Batch, trial: bool) -> list[Row]:
        if not trial:
            raise WorkerCrashed(1, stderr='File "files.py" / RuntimeError: no more')
        return finish(one)

    outcome = outcome_of(batch("a", "b"))
    with (
        scripted(script) as engine,
        pytest.raises(WorkersFailing, match=r"crash each time when they store .* no more$"),
    ):
        drive(engine, batch("a", "b"), outcome=outcome)
    assert outcome.told == []


def test_the_time_is_up_for_batches_too_that_were_handed_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatcher_module, "DRAIN_TIMEOUT_S", 0.1 * stretch())
    monkeypatch.setattr(dispatcher_module, "POLL_INTERVAL_S", 0.02)

    def script(one: Batch, trial: bool) -> list[Row]:
        if "b" in names(one):
            engine.released.wait()
        return finish(one)

    with scripted(script) as engine:
        outcome = drive(engine, batch("a"), batch("b"), until_s=deadline_in(0.05))
    assert (outcome.ids, outcome.report.stopped_by, outcome.report.exit_code) == (["a"], "max time", 10)


def test_a_run_that_is_done_though_the_time_was_up_is_done() -> None:
    def script(one: Batch, trial: bool) -> list[Row]:
        time.sleep(0.1)
        return finish(one)

    with scripted(script) as engine:
        outcome = drive(engine, batch("a"), batch("b"), until_s=deadline_in(0.05))
    assert (outcome.ids, outcome.report.stopped_by, outcome.report.exit_code) == (["a", "b"], None, 0)


def test_a_trial_writes_nothing_down() -> None:
    """Its results are thrown away, and the batch is run once more."""
    with scripted(deadly("b")) as engine:
        outcome = drive(engine, batch("a", "b"))
    assert outcome.ids == ["a", "b"]


def test_a_shard_without_its_culprit_keeps_its_place(tmp_path: Path) -> None:
    sources = plant(tmp_path / "in", "a.wav", "b.wav", "c.wav")
    items = [Item(path.stem, str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in sources]
    shard = Batch(items=tuple(items), shard=planned_shard(4, items))

    def die_of_b(argument: tuple[Job, Batch]) -> None:
        if any(item.id == "b" for item in argument[1].items):
            raise WorkerCrashed(SEGV)

    out, alone = tmp_path / "out", tmp_path / "alone"
    out.mkdir()
    alone.mkdir()
    outcome = drive(InlineEngine(1, die_of_b), shard, of=job(str(out)))
    assert {row.id: (row.status, row.path) for row in outcome.written} == {
        "a": ("ok", "features-00004.h5"),
        "b": ("failed", None),
        "c": ("ok", "features-00004.h5"),
    }

    rest = Batch(items=(items[0], items[2]), shard=shard.shard)
    undisturbed = drive(InlineEngine(1), rest, of=job(str(alone)))
    assert [row for row in outcome.written if row.status == "ok"] == undisturbed.written
    assert tree(out) == tree(alone)


def test_storage_that_fails_ends_the_run_at_once_and_keeps_what_was_in_hand() -> None:
    def script(one: Batch, trial: bool) -> list[Row]:
        if names(one) == "b":
            raise StorageError("cannot write OUT/b.npy: No space left on device")
        return finish(one)

    batches = [batch(name) for name in "abcdefghij"]
    outcome = outcome_of(*batches)
    with scripted(script) as engine, pytest.raises(StorageError, match="No space left"):
        drive(engine, *batches, outcome=outcome)
    handed_out = [names(one) for _, one in engine.calls]
    assert handed_out == ["a", "b", "c"]  # two in flight; `c` went out when `a` was back
    assert outcome.ids == ["a", "c"]
    assert outcome.told == []


def test_a_worker_that_dies_after_storage_failed_is_not_looked_into() -> None:
    def script(one: Batch, trial: bool) -> list[Row]:
        raise StorageError("No space left on device") if names(one) == "a" else WorkerCrashed(SEGV)

    outcome = outcome_of(*map(batch, "abcd"))
    with scripted(script) as engine, pytest.raises(StorageError):
        drive(engine, *map(batch, "abcd"), outcome=outcome)
    assert [names(one) for _, one in engine.calls] == ["a", "b"]
    assert outcome.written == []


def test_a_journal_that_cannot_be_written_ends_the_run() -> None:
    batches = [batch(name) for name in "abcdefghij"]
    outcome = outcome_of(*batches)

    def record(rows: list[Row]) -> None:
        raise StorageError("cannot write OUT/.melcli/journal.jsonl")

    with scripted(finish) as engine:
        one_pass = Dispatcher(engine, JOB, record=record, report=outcome.report, limit=FailureLimit(), listener=outcome)
        with pytest.raises(StorageError):
            one_pass.run(batches, Interrupts())
    assert outcome.report.done == 0  # what is not written down is not counted
    assert len(engine.calls) <= 3


@pytest.mark.parametrize("limit", [FailureLimit(number=2), FailureLimit(percent=20)])
def test_too_many_failures_end_the_run(limit: FailureLimit) -> None:
    with scripted(refuse) as engine:
        outcome = drive(engine, *[batch(name) for name in "abcdefghij"], limit=limit)
    assert 3 <= len(engine.calls) <= 5
    assert (outcome.report.stopped_by, outcome.report.exit_code) == ("too many failures", 7)
    assert outcome.report.failed == len(outcome.written) == len(engine.calls)


def test_as_many_failures_as_allowed_do_not() -> None:
    with scripted(refuse) as engine:
        outcome = drive(engine, *[batch(name) for name in "abc"], limit=FailureLimit(number=3))
    assert (outcome.report.stopped_by, outcome.report.exit_code) == (None, 3)


def test_workers_that_only_die_end_the_run() -> None:
    everything = "abcdefghijklmnopqrstuvwxyz"
    with scripted(deadly(*everything)) as engine, pytest.raises(WorkersFailing, match="SIGSEGV"):
        drive(engine, *map(batch, everything))
    assert MAX_LOSSES_IN_A_ROW <= len(engine.calls) <= 3 * MAX_LOSSES_IN_A_ROW  # each twice more by itself


@pytest.mark.full
def test_workers_that_die_of_every_item_of_a_large_batch_end_the_run_before_its_end() -> None:
    everything = [chr(number) for number in range(0x100, 0x100 + MAX_CRASHES_IN_A_ROW)]
    with (
        scripted(deadly(*everything)) as engine,
        pytest.raises(WorkersFailing, match=rf"^{MAX_CRASHES_IN_A_ROW} workers crashed in a row; .* SIGSEGV$"),
    ):
        drive(engine, batch(*everything))
    assert MAX_CRASHES_IN_A_ROW <= len(engine.calls) <= MAX_CRASHES_IN_A_ROW + 2


@pytest.mark.full
@pytest.mark.parametrize("most, known", [(1, ["a"]), (2, ["a"]), (5, ["a", "x"])])
def test_culprits_that_are_known_by_then_are_written_down(
    monkeypatch: pytest.MonkeyPatch, most: int, known: list[str]
) -> None:
    """Also those of an earlier look at the same batch, whose rest is to run again."""
    changed = False

    def script(one: Batch, trial: bool) -> list[Row]:
        nonlocal changed
        if "a" in names(one) or changed:
            raise WorkerCrashed(SEGV)
        if names(one) == "y":  # the last to be tried: from now on, workers only die
            changed = True
            monkeypatch.setattr(dispatcher_module, "MAX_CRASHES_IN_A_ROW", most)
        return finish(one)

    batches = [batch("a", "x", "y")]
    outcome = outcome_of(*batches)
    with scripted(script) as engine, pytest.raises(WorkersFailing, match=f"^{most} workers crashed"):
        drive(engine, *batches, outcome=outcome)
    assert [(row.id, row.reason) for row in outcome.written] == [(name, "decoder_crash") for name in known]


def test_many_culprits_in_one_batch_do_not() -> None:
    """Each is tried twice, and so they are far fewer than workers that never work."""
    everything = [chr(number) for number in range(0x100, 0x100 + MAX_CRASHES_IN_A_ROW // 2 - 1)]
    with scripted(deadly(*everything)) as engine:
        outcome = drive(engine, batch(*everything), batch("a"))
    assert (outcome.report.failed, outcome.report.done) == (len(everything), 1)


def test_workers_that_die_now_and_then_do_not() -> None:
    everything = "abcdefghijklmnopqrstuvwxyz"
    with scripted(deadly(*everything)) as engine:
        outcome = drive(engine, *[one for name in everything for one in (batch(name), batch(name.upper()))])
    assert outcome.report.failed == 26
    assert outcome.report.done == 26


def test_workers_that_cannot_be_started_end_the_run() -> None:
    with scripted(deadly("a", error=WorkersFailing("cannot be started"))) as engine, pytest.raises(WorkersFailing):
        drive(engine, batch("a"), batch("b"))


def test_a_bug_in_the_worker_is_not_swallowed() -> None:
    with scripted(deadly("a", error=ZeroDivisionError("a bug"))) as engine, pytest.raises(ZeroDivisionError):
        drive(engine, batch("a"), batch("b"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_lets_what_is_in_flight_come_back_and_hands_out_no_more(number: signal.Signals) -> None:
    with Interrupts() as interrupts:

        def script(one: Batch, trial: bool) -> list[Row]:
            if names(one) == "c":
                signal.raise_signal(number)
                time.sleep(0.05)
            return finish(one)

        with scripted(script) as engine:
            outcome = drive(engine, *[batch(name) for name in "abcdefghij"], interrupts=interrupts)
    assert 3 <= len(engine.calls) <= 5
    assert len(outcome.finishing) == 1  # told once, and at once
    assert 1 <= outcome.finishing[0] <= 2
    assert len(outcome.written) == len(engine.calls) == outcome.report.done
    assert outcome.report.stopped_by == number.name
    assert outcome.report.exit_code == 128 + number
    assert outcome.report.left == 10 - outcome.report.done


def test_when_the_time_is_over_what_is_in_flight_comes_back_and_no_more_is_handed_out() -> None:
    with scripted(finish) as engine:
        outcome = drive(engine, *map(batch, "abcdefghij"), until_s=deadline_in(-1.0))
    assert 1 <= len(engine.calls) <= 2
    assert len(outcome.written) == len(engine.calls) == outcome.report.done
    assert (outcome.report.stopped_by, outcome.report.exit_code) == ("max time", 10)
    assert outcome.report.left == 10 - outcome.report.done


def test_a_run_goes_on_until_the_time_is_over() -> None:
    until_s = deadline_in(0.3 * stretch())

    def script(one: Batch, trial: bool) -> list[Row]:
        if names(one) == "c":
            time.sleep(remaining_s(until_s) or 0.0)
        return finish(one)

    with scripted(script) as engine:
        outcome = drive(engine, *map(batch, "abcdefghij"), until_s=until_s)
    assert outcome.ids[:3] == ["a", "b", "c"]
    assert len(outcome.ids) <= 5
    assert outcome.report.exit_code == 10


def test_a_run_that_is_over_in_time_or_has_nothing_left_to_hand_out_is_not_stopped() -> None:
    for until_s in (deadline_in(3600.0), deadline_in(-1.0)):
        with scripted(finish) as engine:
            outcome = drive(engine, batch("a"), batch("b"), until_s=until_s)
        assert outcome.ids == ["a", "b"]
        assert (outcome.report.stopped_by, outcome.report.exit_code) == (None, 0)


def test_a_worker_that_dies_when_the_time_is_over_accuses_nobody() -> None:
    with scripted(deadly("a")) as engine:
        outcome = drive(engine, batch("a", "b"), until_s=deadline_in(-1.0))
    assert [names(one) for _, one in engine.calls] == ["ab"]
    assert (outcome.written, outcome.report.left, outcome.report.exit_code) == ([], 2, 10)


class Timed(ScriptedEngine):
    """Notes how long each call may take."""

    def submit(self, function: Callable[[Any], Any], argument: Any, *, timeout_s: float) -> Future[Any]:
        self.timeouts_s = [*getattr(self, "timeouts_s", []), timeout_s]
        return super().submit(function, argument, timeout_s=timeout_s)


@pytest.mark.parametrize("per_item_s", [None, 3.0])
def test_a_batch_may_take_as_long_as_its_items_may(per_item_s: float | None) -> None:
    one = batch("a", "b", "c")
    engine = Timed(1, partial(answer, finish))
    drive(engine, one, of=replace(JOB, limits=Limits(timeout_per_item_s=per_item_s)))
    engine.stop()
    assert engine.timeouts_s == [one.timeout_within_s(per_item_s)]


def test_what_does_not_come_back_in_time_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatcher_module, "DRAIN_TIMEOUT_S", 0.1)
    monkeypatch.setattr(dispatcher_module, "POLL_INTERVAL_S", 0.05)
    with Interrupts() as interrupts:

        def script(one: Batch, trial: bool) -> list[Row]:
            if names(one) == "b":
                signal.raise_signal(signal.SIGTERM)
                engine.released.wait()
            return finish(one)

        with scripted(script) as engine:
            watch = Stopwatch()
            outcome = drive(engine, *[batch(name) for name in "abcd"], interrupts=interrupts)
            assert watch.quiet_s < 2.0
    assert outcome.ids == ["a"]
    assert (outcome.report.left, outcome.report.exit_code) == (3, 143)


def test_a_worker_that_dies_while_the_run_stops_accuses_nobody() -> None:
    with Interrupts() as interrupts:

        def script(one: Batch, trial: bool) -> list[Row]:
            if names(one) == "a":
                signal.raise_signal(signal.SIGTERM)
                time.sleep(0.05)
            raise WorkerCrashed(-15)

        with scripted(script) as engine:
            outcome = drive(engine, *[batch(name) for name in "abcdefghij"], interrupts=interrupts)
    assert outcome.written == []
    assert outcome.report.failed == 0
    assert outcome.report.exit_code == 143


class SinkingEngine(InlineEngine):
    """Answers until a batch system ends all processes: then a signal comes, and there are no workers any more."""

    def submit(self, function: Callable[[Any], Any], argument: Any, *, timeout_s: float) -> Future[Any]:
        future: Future[Any] = Future()
        if names(argument[1]) == "a":
            future.set_result(came_of(finish(argument[1])))
        else:
            signal.raise_signal(signal.SIGTERM)
            future.set_exception(WorkersFailing("the worker processes cannot be started"))
        return future


@pytest.mark.full
def test_a_pool_that_breaks_since_the_run_is_ended_is_no_trouble_of_its_own() -> None:
    with Interrupts() as interrupts:
        outcome = drive(SinkingEngine(1), *map(batch, "abcdef"), interrupts=interrupts)
    assert outcome.report.exit_code == 143
    assert outcome.ids == ["a"]


def test_the_report_says_how_far_the_batches_are_that_are_in_flight() -> None:
    with scripted(finish) as engine:
        engine.in_progress = Advance(5, 7.5)
        outcome = drive(engine, batch("a"))
    assert set(outcome.in_progress) == {(5, 7.5)}
    assert _in_progress(outcome.report) == (0, 0.0)  # nothing is in flight at the end


def _in_progress(report: Report) -> tuple[int, float]:
    return report.items_in_progress, report.audio_s_in_progress
