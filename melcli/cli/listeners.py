"""Several listeners of one run, and the warnings of the run."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from melcli.run.report import Listener, Report
    from melcli.run.worker_losses import WorkerLoss
    from melcli.sources.found import Found
    from melcli.store.rows import FailedRow

__all__ = ["Listeners"]


class Listeners:
    """Tells each listener in turn; see `melcli.run.report.Listener`.

    Attributes
    ----------
    warnings : list of str
        All warnings so far, for ``--json``.
    """

    def __init__(self, *listeners: Listener) -> None:
        self.warnings: list[str] = []
        self._listeners = [*listeners]

    def add(self, listener: Listener) -> None:
        """Tell this one too from now on."""
        self._listeners.append(listener)

    def found(self, found: Found) -> None:
        """Tell them the inputs."""
        for listener in self._listeners:
            listener.found(found)

    def warned(self, warning: str, *, skip: Listener | None = None) -> None:
        """Keep a warning, and tell it to all but one, such as the progress of a quiet run."""
        self.warnings.append(warning)
        for listener in self._listeners:
            if listener is not skip:
                listener.warned(warning)

    def planned(self, report: Report) -> None:
        """Tell them the plan."""
        for listener in self._listeners:
            listener.planned(report)

    def failed(self, row: FailedRow) -> None:
        """Tell them an input that failed."""
        for listener in self._listeners:
            listener.failed(row)

    def worker_lost(self, loss: WorkerLoss) -> None:
        """Tell them a worker that ended unasked."""
        for listener in self._listeners:
            listener.worker_lost(loss)

    def retrying(self, num_inputs: int, *, batches: int) -> None:
        """Tell them what is run again."""
        for listener in self._listeners:
            listener.retrying(num_inputs, batches=batches)

    def stopping(self, report: Report, num_batches: int) -> None:
        """Tell them that a signal came."""
        for listener in self._listeners:
            listener.stopping(report, num_batches)

    def advanced(self, report: Report) -> None:
        """Tell them how far the run is."""
        for listener in self._listeners:
            listener.advanced(report)
