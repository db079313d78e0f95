"""The failed row of an item that crashes its worker: reason and message from how the worker ended."""

from __future__ import annotations

from melcli.audio.revisions import DECODING_REVISION
from melcli.errors import Reason
from melcli.printable import printable
from melcli.run.batching import item_timeout_s
from melcli.run.engines.contract import BatchLost, BatchTimedOut, WorkerCrashed
from melcli.run.job import Job
from melcli.run.watchdog import last_line
from melcli.sources.items import Item
from melcli.store.rows import FailedRow

__all__ = ["culprit_row", "how_lost"]

EXCEPTION_EXIT_CODE = 1  # of a Python process that an exception ended
TRACEBACK_SIGN = "File "  # in the traceback that it leaves


def culprit_row(item: Item, error: BatchLost, job: Job) -> FailedRow:
    """Return the failed row of an item that crashed its worker when it was tried alone.

    Parameters
    ----------
    item : Item
    error : BatchLost
        The last loss.
    job : Job
        Its config and limits.
    """
    reason, how = how_lost(error)
    if reason == "timeout":
        allowed_s = job.limits.timeout_per_item_s or item_timeout_s(item)
        how = f"{how}; {allowed_s:,.0f} s are allowed (--timeout-per-item)"
    return FailedRow(
        id=item.id,
        source=item.source,
        reason=reason,
        message=printable(f"{item.source}: {how}"),
        stderr=error.stderr or None,
        source_size=item.size,
        source_mtime_ns=item.mtime_ns,
        decoding=DECODING_REVISION,
        config_id=job.config_id,
    )


def how_lost(error: BatchLost) -> tuple[Reason, str]:
    """Return the reason of the failure, and how the worker ended in words."""
    if isinstance(error, BatchTimedOut):
        return "timeout", "the worker took too long with it and was ended"
    if not isinstance(error, WorkerCrashed):
        return "internal", f"the worker that decoded it was lost: {error}"
    if error.out_of_memory:
        return "out_of_memory", "the system killed the worker that decoded it, alone, because memory ran out"
    if error.exit_code == EXCEPTION_EXIT_CODE and TRACEBACK_SIGN in error.stderr:
        raised = last_line(error.stderr).partition(":")[0]  # NumPy's has a message, and a longer name
        reason: Reason = "out_of_memory" if raised.endswith("MemoryError") else "internal"
        return reason, "the worker that decoded it ended by an unexpected exception"
    by = "with" if error.exit_code is None or error.exit_code >= 0 else "of"
    return "decoder_crash", f"the worker that decoded it died {by} {error.exit_description}"
