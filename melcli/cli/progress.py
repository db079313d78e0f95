"""Progress on standard error: a bar on a terminal, lines elsewhere."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

from melcli.cli.colors import colored
from melcli.cli.output import say, stderr_may_fail

if TYPE_CHECKING:
    from melcli.run.losses import WorkerLoss
    from melcli.run.report import Report
    from melcli.sources.found import Found
    from melcli.store.rows import FailedRow

__all__ = ["Progress"]

LINE_EVERY_S = 30.0
FAILURES_SHOWN = 20


class _BarStream:
    """Standard error as the bar writes to it: never an error, after which tqdm would keep its lock for ever."""

    def __init__(self) -> None:
        self.encoding = sys.stderr.encoding  # which signs the bar can be made of
        self.fileno = sys.stderr.fileno  # how wide the terminal is

    def write(self, text: str) -> None:
        with stderr_may_fail():
            sys.stderr.write(text)

    def flush(self) -> None:
        with stderr_may_fail():
            sys.stderr.flush()


class Progress:
    """Listens to a run and writes to standard error.

    Parameters
    ----------
    style : "auto", "bar", "lines" or "none"
        ``auto`` is a bar on a terminal and lines elsewhere, so that no log is full of bars.
    quiet : bool
        Failures only.
    verbose : bool
        Also what was planned.
    """

    def __init__(self, style: str, *, quiet: bool, verbose: bool) -> None:
        on_terminal = sys.stderr.isatty()
        self._style = "none" if quiet else ("bar" if on_terminal else "lines") if style == "auto" else style
        self._quiet = quiet
        self._verbose = verbose
        self._bar: Any = None
        self._failures = 0
        self._last_line_s = time.monotonic()

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
            from tqdm import tqdm

            self._bar = tqdm(total=report.to_do, unit="file", dynamic_ncols=True, leave=False, file=_BarStream())

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

    def advanced(self, report: Report) -> None:
        """Move the bar, or write a line when it is time for one."""
        if self._bar is not None:
            self._bar.set_postfix_str(_so_far(report), refresh=False)
            self._bar.update(report.done + report.failed - self._bar.n)
        elif self._style == "lines" and time.monotonic() - self._last_line_s >= LINE_EVERY_S:
            self._last_line_s = time.monotonic()
            self.write(f"{_local_time()}  {report.done + report.failed:,} of {report.to_do:,}  {_so_far(report)}")

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def write(self, text: str) -> None:
        """Write a line, above the bar if there is one."""
        if self._bar is not None:
            self._bar.clear()
        say(text)
        if self._bar is not None:
            self._bar.refresh()


def _local_time() -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S")


def _so_far(report: Report) -> str:
    rate = report.audio_s / report.elapsed_s if report.elapsed_s else 0.0
    return f"{report.audio_s / 3600:,.1f} h of audio, {rate:,.0f}x real time, {report.failed:,} failed"
