"""A worker that dies changes no bit, and an item that kills it is named."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from melcli.errors import StorageError, WorkersFailing
from melcli.run.engines.contract import BatchLost, BatchTimedOut, WorkerCrashed
from melcli.run.stats import compute
from melcli.run.stats.compute import StatsRequest, compute_statistics
from melcli.stats.statistics import Statistics
from tests.cli.shell import Ended
from tests.run.corpus import LIGHT, plant
from tests.run.engines.inline import InlineEngine

Command = Callable[..., Ended]


class Deaths:
    """Raises what an engine raises, for the tasks that contain an item, at most ``times`` times."""

    def __init__(self, item_id: str, error: BatchLost, times: int = 99) -> None:
        self._item_id, self._error, self.left = item_id, error, times

    def __call__(self, argument: Any) -> None:
        members = getattr(argument, "members", ())
        if self.left and any(member.row.id == self._item_id for member in members):
            self.left -= 1
            raise self._error


@pytest.fixture
def out(melcli: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(compute, "ITEMS_PER_TASK", 8)
    plant(tmp_path / "in", *(f"{number:02}.wav" for number in range(20)))
    assert melcli("extract", tmp_path / "in", "-o", tmp_path / "out", *LIGHT).code == 0
    return str(tmp_path / "out")


def statistics(out: str, monkeypatch: pytest.MonkeyPatch, deaths: Callable[[Any], None] | None = None) -> Statistics:
    if deaths is not None:
        monkeypatch.setattr("melcli.run.engines.local.LocalEngine", partial(InlineEngine, before=deaths))
    return compute_statistics(StatsRequest(outs=(out,), workers=2))


@pytest.mark.parametrize("times", [1, 2, 3, 4])
@pytest.mark.parametrize("error", [WorkerCrashed(-11), WorkerCrashed(-9), BatchTimedOut("slow")], ids=str)
def test_a_worker_that_dies_for_a_while_changes_no_bit(
    out: str, monkeypatch: pytest.MonkeyPatch, error: BatchLost, times: int
) -> None:
    expected = statistics(out, monkeypatch).total
    deaths = Deaths("10", error, times)
    found = statistics(out, monkeypatch, deaths).total
    assert deaths.left == 0
    for name in ("mean", "squares", "min", "max"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
    assert (found.items, found.frames, found.seconds) == (expected.items, expected.frames, expected.seconds)


@pytest.mark.parametrize(
    "error, words", [(WorkerCrashed(-11), "crashed its worker (SIGSEGV)"), (BatchTimedOut("slow"), "took too long")]
)
def test_an_item_that_kills_workers_is_named(
    out: str, monkeypatch: pytest.MonkeyPatch, error: BatchLost, words: str
) -> None:
    with pytest.raises(StorageError) as caught:
        statistics(out, monkeypatch, Deaths("10", error))
    assert f"reading '10' {words}" in str(caught.value)


def test_workers_that_are_killed_from_outside_each_time_blame_no_item(
    out: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(WorkersFailing):
        statistics(out, monkeypatch, Deaths("10", WorkerCrashed(-9)))


class Reversed(InlineEngine):
    """Finishes the calls in flight in the opposite order."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self._held: list[tuple[Future[Any], Future[Any]]] = []

    def submit(self, function: Callable[[Any], Any], argument: Any, *, timeout_s: float) -> Future[Any]:
        outer: Future[Any] = Future()
        self._held.append((outer, super().submit(function, argument, timeout_s=timeout_s)))
        if len(self._held) == 3 or argument.number == 2:
            while self._held:
                held, done = self._held.pop()
                held.set_result(done.result())
        return outer


def test_the_order_in_which_workers_finish_changes_no_bit(out: str, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = statistics(out, monkeypatch).total
    monkeypatch.setattr("melcli.run.engines.local.LocalEngine", Reversed)
    found = statistics(out, monkeypatch).total
    np.testing.assert_array_equal(found.mean, expected.mean)
    np.testing.assert_array_equal(found.squares, expected.squares)
