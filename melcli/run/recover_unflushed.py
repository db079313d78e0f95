"""Recover after a reboot: read outputs that were not flushed, and mark truncated ones for recomputing."""

from __future__ import annotations

from melcli.run.report import Listener
from melcli.run.request import Request
from melcli.store.durability import has_unflushed_outputs

__all__ = ["settle_unflushed"]


def settle_unflushed(request: Request, listener: Listener) -> None:
    """Read all outputs if any of them may be truncated, and mark those that are, so that this run recomputes them.

    A run at ``--durability none`` leaves a mark; under the same boot the system still holds what it was given.  The
    caller holds OUT.

    Raises
    ------
    StorageError
        OUT cannot be written.
    WorkersFailing
        The workers die whatever they are asked.
    """
    if not has_unflushed_outputs(request.out):
        return
    from melcli.run.verify.audit import Verdict, VerifyRequest, examine  # what a run rarely needs

    listener.warned("the system was rebooted after outputs were written without flushing; all of them are checked")
    verdict = Verdict(out=request.out)
    everything = VerifyRequest(out=request.out, read_percent=100.0, repair=True, workers=request.workers)
    examine(verdict, everything, lambda damage: None)  # which takes the mark away
    if verdict.num_damaged:
        listener.warned(f"{verdict.num_damaged:,} of {verdict.num_ok:,} were truncated, and are recomputed")
