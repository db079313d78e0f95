"""Progress on standard error: a bar on a terminal, lines elsewhere."""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import TYPE_CHECKING

from melcli.cli.colors import colored
from melcli.cli.output import say
from melcli.cli.progress_line import Pace, fields_of, fit, part_of, remaining_audio_s

if TYPE_CHECKING:
    from melcli.cli.terminal_bar import TerminalBar
    from melcli.run.report import Report
    from melcli.run.worker_losses import WorkerLoss
    from melcli.sources.found import Found
    from melcli.store.rows import FailedRow

__all__ = ["Progress"]

LINE_EVERY_S = 30.0
FAILURES_SHOWN = 20
DRAW_EVERY_S = 0.1
DEFAULT_COLUMNS = 80


class Progress:
    """Listens to a run and writes to standard error.

    Parameters
    ----------
    style : "auto", "bar", "lines" or "none"
        ``auto`` is a bar on a terminal and lines elsewhere, so that no log is full of bars.  A terminal that cannot
        write over a line (``TERM=dumb``) gets lines.
    quiet : bool
        Failures only.
    verbose : bool
        Also what was planned.
    """

    def __init__(self, style: str, *, quiet: bool, verbose: bool) -> None:
        on_terminal = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self._style = "none" if quiet else ("bar" if on_terminal else "lines") if style == "auto" else style
        self._quiet = quiet
        self._verbose = verbose
        self._bar: TerminalBar | None = None
        self._report: Report | None = None  # what the bar shows
        self._failures = 0
        self._pace = Pace()
        self._last_line_s = time.monotonic()
        self._last_draw_s = 0.0

    def found(self, found: Found) -> None:
        """Print what was skipped."""
        if found.account and not self._quiet:
            self.write(found.account)

    def warned(self, warning: str) -> None:
        """Say it, whatever else is not said."""
        self.write(f"{colored('warning:', 'warning', sys.stderr)} {warning}")

    def planned(self, report: Report) -> None:
        """Print the plan, and open the bar."""
        if self._verbose:
            counts = f"{report.to_do:,} to do, {report.unchanged:,} unchanged, {report.failed_before:,} failed before"
            self.write(f"{counts}, {report.orphans:,} in OUT without an input")
        if self._style == "bar" and report.to_do:
            from melcli.cli.terminal_bar import TerminalBar

            self._bar, self._report = TerminalBar(), report
            self._draw()

    def failed(self, row: FailedRow) -> None:
        """Name a failure; the first ones here, all of them in failures.jsonl."""
        self._failures += 1
        if self._failures <= FAILURES_SHOWN:
            self.write(f"{colored('failed:', 'failed', sys.stderr)} {row.message} [{row.reason}]")
        elif self._failures == FAILURES_SHOWN + 1:
            self.write("more failures are in failures.jsonl at the end")

    def worker_lost(self, loss: WorkerLoss) -> None:
        """Say nothing; the summary counts them."""

    def retrying(self, num_inputs: int, *, batches: int) -> None:
        """Say nothing; the summary counts them."""

    def stopping(self, report: Report, num_batches: int) -> None:
        """Say at once that the first signal was understood."""
        batches = "1 batch" if num_batches == 1 else f"{num_batches:,} batches"
        again = "press Ctrl-C again" if report.signal_number == signal.SIGINT else "send the signal again"
        self.write(f"finishing {batches}; {again} to stop now")

    def advanced(self, report: Report) -> None:
        """Draw the line again, or write one when it is time for it."""
        now_s = time.monotonic()
        self._pace.add(now_s, report.audio_s + report.audio_s_in_progress)
        if self._bar is not None:
            if now_s - self._last_draw_s >= DRAW_EVERY_S:
                self._last_draw_s = now_s
                self._draw()
        elif self._style == "lines" and now_s - self._last_line_s >= LINE_EVERY_S:
            self._last_line_s = now_s
            self.write("  ".join([_local_time(), *(field.text for field in fields_of(report, self._left_s(report)))]))

    def close(self) -> None:
        """Take the line of progress away."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def write(self, text: str) -> None:
        """Write a line, above that of progress if there is one."""
        if self._bar is not None:
            self._bar.clear()
        say(text)
        self._draw()

    def _left_s(self, report: Report) -> float | None:
        if not report.left or report.stopped_by is not None:
            return None
        return self._pace.left_s(remaining_audio_s(report))

    def _draw(self) -> None:
        bar, report = self._bar, self._report
        if bar is None or report is None:
            return
        layout = fit(fields_of(report, self._left_s(report)), _columns() - 1)
        failures, gap, rest = layout.before.partition("  ")
        if report.failed:
            failures = colored(failures, "failed", sys.stderr)
        bar.show(part_of(report), f"{failures}{gap}{rest}", layout.bar_columns, layout.after)


def _columns() -> int:
    """Return the width of the terminal, which may change."""
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns or DEFAULT_COLUMNS
    except (OSError, ValueError):
        return DEFAULT_COLUMNS


def _local_time() -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S")
