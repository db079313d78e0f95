"""The failed row of an item that crashes its worker: reason and message from how the worker ended."""

from __future__ import annotations

from melcli.audio.decoding_revision import DECODING_REVISION
from melcli.errors import Reason
from melcli.printable import printable
from melcli.run.batching import item_timeout_s
from melcli.run.engines.contract import BatchLost, BatchTimedOut, WorkerCrashed
from melcli.run.job import Job
from melcli.run.watchdog import last_line
from melcli.sources.items import Item
from melcli.store.rows import FailedRow

__all__ = ["culprit_row", "describe_loss"]

EXCEPTION_EXIT_CODE = 1  # of a Python process that an exception ended
TRACEBACK_MARK = "File "  # in every traceback


def culprit_row(item: Item, error: BatchLost, job: Job) -> FailedRow:
    """Return the failed row of an item that crashed its worker in its trial.

    Parameters
    ----------
    item : Item
    error : BatchLost
        The last loss.
    job : Job
        The config and the limits.
    """
    reason, message = describe_loss(error)
    if reason == "timeout":
        allowed_s = job.limits.timeout_per_item_s or item_timeout_s(item)
        message = f"{message}; {allowed_s:,.0f} s are allowed (--timeout-per-item)"
    return FailedRow(
        id=item.id,
        source=item.source,
        reason=reason,
        message=printable(f"{item.shown}: {message}"),
        stderr=error.stderr or None,
        source_size=item.size,
        source_mtime_ns=item.mtime_ns,
        decoding=DECODING_REVISION,
        config_id=job.config_id,
        **item.part_fields(),
    )


def describe_loss(error: BatchLost) -> tuple[Reason, str]:
    """Return the reason of the failure, and a description of how the worker ended."""
    if isinstance(error, BatchTimedOut):
        return "timeout", "the worker took too long and was stopped"
    if not isinstance(error, WorkerCrashed):
        return "internal", f"the worker was lost: {error}"
    if error.out_of_memory:
        return "out_of_memory", "the system killed the worker because memory ran out, with only this input in progress"
    if error.exit_code == EXCEPTION_EXIT_CODE and TRACEBACK_MARK in error.stderr:
        exception = last_line(error.stderr).partition(":")[0]  # NumPy's MemoryError has a message and a longer name
        reason: Reason = "out_of_memory" if exception.endswith("MemoryError") else "internal"
        return reason, "an unexpected exception ended the worker"
    return "decoder_crash", f"the worker crashed with {error.exit_description}"
