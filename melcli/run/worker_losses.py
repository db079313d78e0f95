"""Lost workers: their kind, and their counts for the summary."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from melcli.run.engines.contract import BatchLost, BatchTimedOut, WorkerCrashed

__all__ = ["LossKind", "WorkerLoss", "losses_in_words", "worker_loss"]

# A crash has a cause in the worker: a signal or an exit code.  SIGKILL comes from outside; the kernel's count shows
# whether memory was the cause.  `call_lost` is an invalid answer, or an engine that stopped.
LossKind = Literal["worker_crash", "worker_killed", "worker_oom_kill", "worker_timeout", "call_lost"]

_WORDS: Mapping[LossKind, str] = {
    "worker_crash": "crashed",
    "worker_killed": "killed by SIGKILL or in an unknown way",
    "worker_oom_kill": "killed for memory",
    "worker_timeout": "timed out",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerLoss:
    """A worker that ended, or whose answer was invalid.

    Attributes
    ----------
    kind : LossKind
    pid : int or None
        The worker's process id; None if it is unknown.
    how : str
        The signal's name, the exit code or the error.
    inputs : tuple of str
        Sources of the batch in progress; empty for a starting or idle worker.
    stderr : str
        The tail of the worker's standard error, as one printable line.
    """

    kind: LossKind
    pid: int | None
    how: str
    inputs: tuple[str, ...] = ()
    stderr: str = ""


def worker_loss(error: BatchLost, inputs: tuple[str, ...] = ()) -> WorkerLoss:
    """Return the description of a lost worker."""
    return WorkerLoss(kind=_kind(error), pid=error.pid, how=str(error), inputs=inputs, stderr=error.stderr)


def _kind(error: BatchLost) -> LossKind:
    if isinstance(error, BatchTimedOut):
        return "worker_timeout"
    if not isinstance(error, WorkerCrashed):
        return "call_lost"
    if error.out_of_memory:
        return "worker_oom_kill"
    return "worker_crash" if error.is_evidence else "worker_killed"


def losses_in_words(losses: Mapping[LossKind, int], retried_alone: int) -> str:
    """Return the summary of a run's losses; ``""`` without losses.

    Parameters
    ----------
    losses : Mapping
        Number of losses by kind.
    retried_alone : int
        Number of inputs that were retried alone after a loss.

    Examples
    --------
    >>> losses_in_words({"worker_crash": 2, "worker_oom_kill": 1}, 3)
    'workers: 2 crashed, 1 killed for memory; 3 inputs retried alone'
    """
    counts = [f"{losses[kind]:,} {words}" for kind, words in _WORDS.items() if losses.get(kind)]
    if not counts:
        return ""
    retried = (
        f"; {retried_alone:,} {'input' if retried_alone == 1 else 'inputs'} retried alone" if retried_alone else ""
    )
    return f"workers: {', '.join(counts)}{retried}"
