"""Answers that are no outcomes, and workers whose deaths the system hides: nothing is dropped, and 0 means all.

Row of the table of faults: a worker dies mid-file.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from melcli.run.report import Report
from melcli.run.worker_tasks import run_batch
from tests.cli.shell import Ended, run_alone
from tests.faults.hanging import ROOT
from tests.faults.processes import kill_any
from tests.faults.work import Corpus, Work, goes_on_for
from tests.run.corpus import LIGHT, plant, rows
from tests.run.engines.inline import InlineEngine
from tests.run.faults import BEFORE
from tests.run.invariants import check_finished, check_nobody_left

# What some services and container runtimes leave to what they start: the system then reaps children unasked.
NOBODY_HEARS = "import signal; signal.signal(signal.SIGCHLD, signal.SIG_IGN)"


@pytest.mark.parametrize("failed", [0, 1])
def test_no_report_says_0_while_something_is_left(failed: int) -> None:
    """Neither does it say 3, which is the code of a run that finished."""
    assert Report(out="out", to_do=4, done=4 - failed, failed=failed).exit_code == (3 if failed else 0)
    assert Report(out="out", to_do=5, done=4 - failed, failed=failed).exit_code in {1, 7}


@pytest.mark.parametrize("answer", [None, "", 7, [], {}], ids=repr)
def test_an_answer_that_is_no_outcome(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, melcli: Callable[..., Ended], answer: object
) -> None:
    """As when two workers share a channel: the batch is lost and done again, or the run does not end with 0."""
    given: list[object] = []

    class Confused(InlineEngine):
        def submit(self, function: Callable[[Any], Any], argument: Any, *, timeout_s: float) -> Future[Any]:
            future = super().submit(function, argument, timeout_s=timeout_s)
            if function is not run_batch or given:
                return future
            given.append(answer)
            other: Future[Any] = Future()
            other.set_result(answer)
            return other

    monkeypatch.setattr("melcli.run.engines.local.LocalEngine", Confused)
    plant(tmp_path / "in", *[f"{number:02}.wav" for number in range(20)], seconds=0.05)
    ended = melcli("extract", tmp_path / "in", *LIGHT, "-j", "2", "-o", tmp_path / "out")
    assert given == [answer]
    assert "Traceback" not in ended.err
    if ended.code == 0:
        check_finished(tmp_path / "out")
        assert len(rows(tmp_path / "out")) == 20
    else:
        assert ended.code in {1, 7}, ended
        assert melcli("extract", tmp_path / "in", *LIGHT, "-j", "2", "-o", tmp_path / "out").code == 0


@pytest.mark.full
def test_the_death_of_a_worker_whose_end_nobody_hears(tmp_path: Path) -> None:
    """SIGCHLD is ignored when the run starts: how a worker died is known all the same, and who is to blame."""
    plant(tmp_path / "in", *[f"{number:02}.wav" for number in range(8)], "03x.SIGSEGV.wav", seconds=0.05)
    ended = run_alone(
        *("extract", tmp_path / "in", *LIGHT, "-j", "2"),
        out=tmp_path / "out",
        before=f"{NOBODY_HEARS}\n{BEFORE}",
        env={"PYTHONPATH": ROOT},
    )
    assert ended.code == 3, ended
    failed = {row["id"]: row for row in rows(tmp_path / "out", "failures.jsonl").values()}
    assert {item_id: row["reason"] for item_id, row in failed.items()} == {"03x.SIGSEGV": "decoder_crash"}
    assert "SIGSEGV" in failed["03x.SIGSEGV"]["message"].rpartition(":")[2]
    check_finished(tmp_path / "out")


@pytest.mark.full
def test_a_kill_whose_end_nobody_hears(tmp_path: Path, corpus: Corpus) -> None:
    """SIGCHLD is ignored when the run starts, and a process of it is killed: that costs only time."""
    work = Work(corpus, tmp_path / "out", "npy")
    run = work.start(before=NOBODY_HEARS)
    run.wait_for_rows(1)
    assert goes_on_for(run, 0.0)
    kill_any(run, random.Random(0))
    ended = run.end()
    check_nobody_left(run.process.pid)
    work.check_through(ended)
