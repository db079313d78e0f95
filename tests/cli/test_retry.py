"""Which failed inputs are retried, through the command line: extract, its dry run and status agree."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from melcli.audio.load import AudioStream
from melcli.errors import REASONS
from melcli.run import open_source, retry_conditions
from melcli.run.engines.contract import BatchTimedOut, WorkerCrashed
from tests.cli.shell import Ended
from tests.run.corpus import LIGHT, plant, rows, signs, tree
from tests.run.engines.inline import InlineEngine

Command = Callable[..., Ended]
FAILURES = {"slow": "timeout", "crash": "decoder_crash", "large": "out_of_memory", "empty": "empty"}
THREE = ("--timeout-per-item", "3s", "--max-memory-per-worker", "300")


class Killed(BaseException):
    """Stands for a SIGKILL: nothing in melcli catches it."""


class _Stream(AudioStream):
    def __init__(self, path: str, *arguments: Any, **options: Any) -> None:
        if "large" in path:
            raise MemoryError
        super().__init__(path, *arguments, **options)


class Corpus:
    """Sounds under ``in``, of which some fail, and how the command is called on them."""

    def __init__(self, melcli: Command, folder: Path) -> None:
        self._melcli = melcli
        self.out = folder / "out"
        self.inputs = folder / "in"
        self.tried: list[str] = []  # the ids that workers were given, without repetitions
        self.killed_at = ""
        self.cured: set[str] = set()
        plant(self.inputs, "good.wav", *[f"{name}.wav" for name in FAILURES if name != "empty"])
        (self.inputs / "empty.wav").write_bytes(b"")

    def fail(self, argument: Any) -> None:
        """Raise what an engine raises when a worker fails, before the call is made."""
        if not isinstance(argument, tuple):
            return
        ids = [item.id for item in argument[1].items]
        if self.killed_at in ids:
            raise Killed
        self.tried += [item_id for item_id in ids if item_id not in self.tried]
        for item_id in set(ids) - self.cured:
            if item_id == "slow":
                raise BatchTimedOut("it took too long")
            if item_id == "crash":
                raise WorkerCrashed(-11)

    def extract(self, *options: str) -> dict[str, str]:
        """Run; return the items that the dry run before it lists as new or stale."""
        planned = self.planned(*options)
        self.tried = []
        code = self._melcli("extract", self.inputs, "-o", self.out, *LIGHT, *options).code
        assert code == (3 if rows(self.out, "failures.jsonl") else 0)
        return {item_id: sign for item_id, sign in planned.items() if sign in "+*"}

    def planned(self, *options: str) -> dict[str, str]:
        return signs(self._melcli("extract", self.inputs, "-o", self.out, *LIGHT, *options, "-nv").out)

    def status(self, *options: str, inputs: bool = True) -> dict[str, str]:
        ended = self._melcli("status", self.out, *[self.inputs] * inputs, "-v", *options)
        assert ended.code == 0
        return signs(ended.out)


@pytest.fixture
def corpus(melcli: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Corpus:
    found = Corpus(melcli, tmp_path)
    monkeypatch.setattr("melcli.run.engines.local.LocalEngine", partial(InlineEngine, before=found.fail))
    monkeypatch.setattr(open_source, "AudioStream", _Stream)
    return found


def retried(*names: str) -> dict[str, str]:
    return dict.fromkeys(names, "*")


def set_versions(monkeypatch: pytest.MonkeyPatch, **versions: str) -> None:
    monkeypatch.setattr(retry_conditions, "installed_versions", lambda: {"melcli": "1", "numpy": "2"} | versions)


def test_the_same_command_retries_nothing(corpus: Corpus) -> None:
    assert corpus.extract(*THREE).keys() == {"good", *FAILURES}
    assert {item_id: row["reason"] for item_id, row in rows(corpus.out, "failures.jsonl").items()} == FAILURES
    before = tree(corpus.out)
    assert corpus.extract(*THREE) == {}
    assert tree(corpus.out) == before


@pytest.mark.few(1)
@pytest.mark.parametrize(
    "options, expected",
    [
        (("--timeout-per-item", "4s", *THREE[2:]), {"slow"}),
        ((*THREE[:2], "--max-memory-per-worker", "400"), {"large", "crash"}),
        (THREE[2:], {"slow"}),
        ((), {"slow", "large", "crash"}),
        ((*THREE, "--max-duration", "9s", "--min-duration", "0.01s", "--max-failures", "9"), set()),
    ],
)
def test_another_limit_retries_once_what_failed_for_it(
    corpus: Corpus, options: tuple[str, ...], expected: set[str]
) -> None:
    corpus.extract(*THREE)
    assert corpus.extract(*options) == retried(*expected)
    assert set(corpus.tried) == expected
    assert corpus.extract(*options) == {}
    assert corpus.extract(*THREE) == retried(*expected)  # another change
    assert rows(corpus.out, "failures.jsonl").keys() == FAILURES.keys()


@pytest.mark.few(1)
@pytest.mark.parametrize(
    "limit, more, reason, sentence",
    [
        (("--min-duration", "2s"), ("--min-duration", "0.2s"), "too_short", "it lasts {} s; the minimum is 2 s"),
        (("--max-duration", "0.1s"), ("--max-duration", "9s"), "too_long", "it lasts {} s by its header; the limit is"),
    ],
)
def test_another_duration_retries_what_it_refused(
    corpus: Corpus, limit: tuple[str, ...], more: tuple[str, ...], reason: str, sentence: str
) -> None:
    """An input that is refused for its duration is a failed row, and counts as one."""
    for name in ("slow", "crash", "large", "empty"):
        (corpus.inputs / f"{name}.wav").unlink()
    assert corpus.extract(*limit) == {"good": "+"}
    row = rows(corpus.out, "failures.jsonl")["good"]
    assert (row["reason"], row["tried_with"]) == (reason, f"{limit[0][2:].replace('-', '_')}={limit[1]}")
    assert sentence.format("0.25" if reason == "too_short" else "0.250") in row["message"]
    assert corpus.extract(*limit) == {}
    assert corpus.status() == {"good": "!"}
    assert corpus.status(*more) == {"good": "*"}
    assert corpus.extract(*more) == {"good": "*"}
    assert rows(corpus.out)["good"]["status"] == "ok"
    assert corpus.extract(*limit) == {}  # what is done stays


def test_a_minimum_above_the_maximum_is_refused(corpus: Corpus, melcli: Command) -> None:
    limits = ("--min-duration", "2m", "--max-duration", "60")
    for command in (("extract", corpus.inputs, "-o", corpus.out), ("status", corpus.out)):
        ended = melcli(*command, *limits)
        assert ended.code == 2
        assert "--min-duration 120 s is above --max-duration 60 s" in ended.err
    assert not corpus.out.exists()


def test_a_run_without_such_failures_looks_up_no_versions(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry_conditions, "installed_versions", lambda: pytest.fail("no row asks for them"))
    for name in FAILURES.keys() - {"empty"}:
        (corpus.inputs / f"{name}.wav").unlink()
    assert corpus.extract(*THREE) == {"good": "+", "empty": "+"}
    assert corpus.extract() == {}
    assert corpus.status() == {"good": "=", "empty": "!"}


def test_another_version_retries_all_three_reasons_once(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    set_versions(monkeypatch)
    corpus.extract(*THREE)
    set_versions(monkeypatch, numpy="3")
    assert corpus.status() == corpus.planned(*THREE)
    assert corpus.extract(*THREE) == retried("slow", "crash", "large")
    assert corpus.extract(*THREE) == {}
    found = rows(corpus.out)
    assert found["crash"]["tried_with"] == "max_memory_per_worker=300MB melcli=1 numpy=3"
    assert {item_id for item_id, row in found.items() if "tried_with" in row} == {"slow", "crash", "large"}


def test_a_retry_that_succeeds_is_done(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    corpus.extract(*THREE)
    corpus.cured = {"slow"}
    assert corpus.extract("--timeout-per-item", "4s", *THREE[2:]) == retried("slow")
    assert corpus.extract(*THREE) == {}
    row = rows(corpus.out)["slow"]
    assert row["status"] == "ok"
    assert "tried_with" not in row


@pytest.mark.full
def test_rows_of_an_earlier_version_are_retried_once(corpus: Corpus) -> None:
    corpus.extract(*THREE)
    manifest = corpus.out / "manifest.jsonl"
    lines = [json.loads(line) for line in manifest.read_text().splitlines()]
    for line in lines:
        line.pop("tried_with", None)
    manifest.write_text("".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines))
    assert corpus.status() == corpus.status(inputs=False) == corpus.planned(*THREE)
    assert corpus.extract(*THREE) == retried("slow", "crash", "large")
    assert corpus.extract(*THREE) == {}


@pytest.mark.few(1)
@pytest.mark.parametrize("format_", ["npy", "hdf5"])
def test_a_run_that_is_killed_before_the_retry_leaves_it_to_the_next(corpus: Corpus, format_: str) -> None:
    corpus.extract(*THREE, "-f", format_)
    undisturbed, corpus.out = corpus.out, corpus.out.with_name("undisturbed")
    corpus.extract("-f", format_)
    expected, corpus.out = rows(corpus.out), undisturbed
    for corpus.killed_at in ("slow", "large"):
        with pytest.raises(Killed):
            corpus.extract("-f", format_)
    corpus.killed_at = ""
    assert corpus.extract("-f", format_).keys() >= {"large"}
    assert rows(corpus.out) == expected
    assert corpus.extract("-f", format_) == {}


@pytest.mark.few(1)
@pytest.mark.parametrize(
    "options, expected",
    [
        (["--retry-reason", "timeout"], {"slow"}),
        (["--retry-reason", "timeout", "--retry-reason", "empty"], {"slow", "empty"}),
        (["--retry-reason", "too_long"], set()),
        (["--retry-failed"], {*FAILURES}),
        (["--retry-failed", "--retry-reason", "timeout"], {*FAILURES}),
    ],
)
def test_reasons_are_retried_when_they_are_asked_for(corpus: Corpus, options: list[str], expected: set[str]) -> None:
    corpus.extract(*THREE)
    assert corpus.status(*options) == corpus.planned(*THREE, *options)
    assert corpus.extract(*THREE, *options) == retried(*expected)
    assert set(corpus.tried) == expected
    assert corpus.extract(*THREE, *options) == retried(*expected)  # each time


@pytest.mark.parametrize("command", ["extract", "status"])
def test_a_reason_that_is_not_of_the_list_is_refused_with_the_list(melcli: Command, command: str) -> None:
    ended = melcli(command, "in", *(["-o", "out"] if command == "extract" else []), "--retry-reason", "slow")
    assert ended.code == 2
    assert "--retry-reason" in ended.err
    assert all(f"'{reason}'" in ended.err for reason in REASONS)


def test_an_input_after_the_flag_stays_an_input(corpus: Corpus, melcli: Command) -> None:
    """Click takes what follows an option with an optional value for its value."""
    corpus.extract()
    ended = melcli("extract", "-nv", "-o", corpus.out, *LIGHT, "--retry-failed", corpus.inputs)
    assert signs(ended.out) == {"good": "=", **retried(*FAILURES)}


@pytest.mark.few(1)
@pytest.mark.parametrize("inputs", [True, False], ids=["INPUT", "rows"])
@pytest.mark.parametrize("before", [THREE, ()], ids=["limits", "defaults"])
def test_status_plans_for_the_limits_of_the_last_run(
    corpus: Corpus, monkeypatch: pytest.MonkeyPatch, before: tuple[str, ...], inputs: bool
) -> None:
    """It claims no work that the same extract would not do."""
    corpus.extract(*before)
    assert corpus.status(inputs=inputs) == corpus.planned(*before) == {"good": "=", **dict.fromkeys(FAILURES, "!")}
    monkeypatch.setattr(retry_conditions, "usable_memory_bytes", lambda: 77_000_000)
    assert corpus.status(inputs=inputs) == corpus.planned(*before)
    assert corpus.status(inputs=inputs)["large"] == "*"


@pytest.mark.few(1)
@pytest.mark.parametrize("inputs", [True, False], ids=["INPUT", "rows"])
@pytest.mark.parametrize(
    "options",
    [("--timeout-per-item", "4s", "--max-memory-per-worker", "400"), ("--timeout-per-item", "4s", *THREE[2:]), THREE],
)
def test_status_plans_for_the_limits_that_it_is_given(corpus: Corpus, options: tuple[str, ...], inputs: bool) -> None:
    corpus.extract(*THREE)
    assert corpus.status(*options, inputs=inputs) == corpus.planned(*options)
    one = corpus.status(*options[:2], inputs=inputs)  # the other limit is the row of the last run
    assert one == corpus.planned(*options[:2], *THREE[2:])
