"""What is said of lost workers."""

from __future__ import annotations

from collections import Counter

import pytest

from melcli.run.engines.contract import BatchLost, BatchTimedOut, WorkerCrashed
from melcli.run.report import Report
from melcli.run.summary import plain_report
from melcli.run.worker_losses import LossKind, losses_in_words, worker_loss


@pytest.mark.parametrize(
    "error, kind, how",
    [
        (WorkerCrashed(-11, pid=7), "worker_crash", "SIGSEGV"),
        (WorkerCrashed(3, pid=7), "worker_crash", "exit code 3"),
        (WorkerCrashed(-9, pid=7), "worker_killed", "SIGKILL"),
        (WorkerCrashed(None, pid=7), "worker_killed", "an unknown exit code"),
        (WorkerCrashed(-9, pid=7, out_of_memory=True), "worker_oom_kill", "SIGKILL"),
        (BatchTimedOut("it took too long", pid=7), "worker_timeout", "it took too long"),
        (BatchLost("the worker returned int", pid=7), "call_lost", "the worker returned int"),
    ],
)
def test_what_is_known_of_a_loss(error: BatchLost, kind: str, how: str) -> None:
    loss = worker_loss(error, ("in/a.wav",))
    assert (loss.kind, loss.pid, loss.how, loss.inputs) == (kind, 7, how, ("in/a.wav",))


@pytest.mark.parametrize(
    "losses, retried_alone, words",
    [
        ({}, 0, ""),
        ({"call_lost": 1}, 0, ""),
        ({"worker_crash": 1}, 0, "workers: 1 crashed"),
        (
            {"worker_oom_kill": 1, "worker_crash": 2, "worker_timeout": 1_000},
            3,
            "workers: 2 crashed, 1 killed for memory, 1,000 timed out; 3 inputs retried alone",
        ),
        ({"worker_killed": 1}, 1, "workers: 1 killed by SIGKILL or in an unknown way; 1 input retried alone"),
    ],
)
def test_the_summary_of_losses(losses: dict[LossKind, int], retried_alone: int, words: str) -> None:
    assert losses_in_words(losses, retried_alone) == words


def test_losses_in_json() -> None:
    kinds: list[LossKind] = ["worker_crash", "worker_killed", "worker_oom_kill", "worker_timeout", "call_lost"]
    losses = Counter({kind: number for number, kind in enumerate(kinds, 1)})
    plain = plain_report(Report(out="OUT", losses=losses, lost_batches=11, retries=12, retried_alone=13))
    keys = ("worker_crashes", "worker_kills", "worker_oom_kills", "worker_timeouts")
    assert [plain[key] for key in keys] == [1, 2, 3, 4]
    assert (plain["lost_batches"], plain["retries"], plain["retried_alone"]) == (11, 12, 13)
