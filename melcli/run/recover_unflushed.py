"""Recover after a reboot: read outputs that were not flushed, and mark truncated ones for recomputing."""

from __future__ import annotations

from melcli.run.report import Listener
from melcli.run.request import Request
from melcli.store.durability import has_unflushed_outputs

__all__ = ["recover_unflushed"]


def recover_unflushed(request: Request, listener: Listener) -> None:
    """Read all outputs if any may be truncated, and mark the truncated ones, so that this run recomputes them.

    A run with ``--durability none`` leaves a mark with the boot id.  Until the next reboot the system's cache still
    contains all written data.  The caller has locked OUT.

    Raises
    ------
    StorageError
        OUT cannot be written.
    WorkersFailing
        Workers crash on every task.
    """
    if not has_unflushed_outputs(request.out):
        return
    from melcli.run.verify.audit import verify_locked  # imported late, since runs rarely need it
    from melcli.run.verify.report import VerifyReport
    from melcli.run.verify.request import VerifyRequest

    listener.warned("the system was rebooted after outputs were written without flushing; melcli checks all of them")
    report = VerifyReport(out=request.out)
    full = VerifyRequest(out=request.out, read_percent=100.0, repair=True, workers=request.workers)
    verify_locked(report, full, lambda damage: None)  # also removes the mark
    if report.num_damaged:
        listener.warned(f"{report.num_damaged:,} of {report.num_ok:,} outputs were truncated; melcli recomputes them")
