"""Progress on standard error: a bar on a terminal, lines elsewhere."""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import TYPE_CHECKING

from melcli.cli.colors import colored
from melcli.cli.output import say, stderr_may_fail
from melcli.cli.progress_line import Bar, Pace, fields_of, fit, part_of, remaining_audio_s

if TYPE_CHECKING:
    from melcli.run.losses import WorkerLoss
    from melcli.run.report import Report
    from melcli.sources.found import Found
    from melcli.store.rows import FailedRow

__all__ = ["Progress"]

LINE_EVERY_S = 30.0
FAILURES_SHOWN = 20
DRAW_EVERY_S = 0.1
DEFAULT_COLUMNS = 80
BLOCKS = "\u2588\u2591"  # full, light
ASCII = "#-"


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
        self._report: Report | None = None  # while there is a line of progress
        self._shown = ""
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
            self._report = report
            self._draw(report)

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
        if self._report is not None:
            if now_s - self._last_draw_s >= DRAW_EVERY_S:
                self._last_draw_s = now_s
                self._draw(report)
        elif self._style == "lines" and now_s - self._last_line_s >= LINE_EVERY_S:
            self._last_line_s = now_s
            self.write("  ".join([_local_time(), *(field.text for field in fields_of(report, self._left_s(report)))]))

    def close(self) -> None:
        """Take the line of progress away."""
        self._clear()
        self._report = None

    def write(self, text: str) -> None:
        """Write a line, above that of progress if there is one."""
        self._clear()
        say(text)
        if self._report is not None:
            self._draw(self._report)

    def _left_s(self, report: Report) -> float | None:
        if not report.left or report.stopped_by is not None:
            return None
        return self._pace.left_s(remaining_audio_s(report))

    def _draw(self, report: Report) -> None:
        first, *others = fields_of(report, self._left_s(report))
        signs = BLOCKS if _can_show(BLOCKS) else ASCII
        line = fit([first, Bar(part_of(report), *signs), *others], _columns() - 1)
        if line != self._shown:
            self._clear()
            self._show(line)

    def _show(self, line: str) -> None:
        failures, gap, rest = line.partition("  ")
        if not failures.startswith("0 "):
            failures = colored(failures, "failed", sys.stderr)
        _put(f"{failures}{gap}{rest}")
        self._shown = line

    def _clear(self) -> None:
        if self._shown:
            # A terminal shows the ^C of somebody who pressed it.
            _put(f"\r{' ' * min(len(self._shown) + 2, _columns() - 1)}\r")
            self._shown = ""


def _put(text: str) -> None:
    with stderr_may_fail():
        sys.stderr.write(text)
        sys.stderr.flush()


def _columns() -> int:
    """Return the width of the terminal, which may change."""
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns or DEFAULT_COLUMNS
    except (OSError, ValueError):
        return DEFAULT_COLUMNS


def _can_show(signs: str) -> bool:
    try:
        signs.encode(sys.stderr.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _local_time() -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S")
