"""The log of one command: its start, its events and its end."""

from __future__ import annotations

import secrets
import shlex
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from melcli.cli.log_file import LogFile
from melcli.cli.log_lines import Level, Value, local_now, log_line
from melcli.errors import MelcliError
from melcli.printable import printable

if TYPE_CHECKING:
    import types

    from melcli.run.report import Report
    from melcli.run.request import Request
    from melcli.run.worker_losses import WorkerLoss
    from melcli.sources.found import Found
    from melcli.store.damage import Damage
    from melcli.store.rows import FailedRow

__all__ = ["RunLog", "new_run_id"]

PROGRESS_EVERY_S = 30.0


def new_run_id() -> str:
    """Return eight random hex digits, which tell the lines of one run from those of others."""
    return secrets.token_hex(4)


class RunLog:
    """Listens to a run and writes every event to a log; a context manager, whose end is the last line.

    Parameters
    ----------
    path : str or None
        The log; without one nothing is written.
    out : str
        OUT.
    run_id : str
        See `new_run_id`.
    tell : callable
        Is told once if the log takes no more lines.

    Raises
    ------
    ConfigError, StorageError
        As `LogFile`.
    """

    def __init__(self, path: str | None, *, out: str, run_id: str, tell: Callable[[str], None]) -> None:
        self._file = None if path is None else LogFile(path, out=out)
        self.run_id = run_id
        self._tell = tell
        self._has_told_problem = False
        self._has_ended = False
        self._stopped_by: str | None = None
        self._last_progress_s = time.monotonic()

    @property
    def identities(self) -> frozenset[tuple[int, int]]:
        """Device and inode of the log, if it is a regular file."""
        return frozenset() if self._file is None or self._file.identity is None else frozenset({self._file.identity})

    def __enter__(self) -> RunLog:
        from melcli.version import __version__

        self.event("start", version=__version__, command=shlex.join(["melcli", *sys.argv[1:]]))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: types.TracebackType | None
    ) -> None:
        if error is not None and not self._has_ended:
            # Click's errors have one too; of an OSError the code depends on what `melcli.cli.main` makes of it.
            known = getattr(error, "exit_code", None if isinstance(error, OSError) else MelcliError.exit_code)
            self.event("end", "error", exit_code=known, error=str(error) or type(error).__name__)
        if self._file is not None:
            self._file.close()
            self._file = None

    def event(self, event: str, level: Level = "info", /, **fields: Value) -> None:
        """Write one line."""
        if self._file is None:
            return
        if self._file.num_lost:
            lost = {"lines": self._file.num_lost}
            if self._write(log_line(local_now(), self.run_id, "warning", "lines_lost", lost)):
                self._file.num_lost = 0
        self._write(log_line(local_now(), self.run_id, level, event, fields))

    def _write(self, line: bytes) -> bool:
        if self._file is None:
            return False
        problem = self._file.write(line)
        if problem and not self._has_told_problem:
            self._has_told_problem = True
            path = printable(self._file.path)
            self._tell(f"cannot write to the log {path}: {problem}; the run continues without these lines")
        return not problem

    # around a run

    def configured(self, request: Request, config_name: str) -> None:
        """Note what is to be run."""
        config_id = request.config.config_id
        self.event("config", config=config_name, config_id=config_id, out=request.out, workers=request.workers)

    def ended(self, report: Report) -> None:
        """Note what the run came to."""
        code = report.exit_code
        counts = {"ok": report.ok, "unchanged": report.unchanged, "failed": report.all_failed, "not_done": report.left}
        lost = {"losses": sum(report.losses.values()) or None, "retries": report.retries or None}
        times = {"audio_s": round(report.audio_s, 3), "elapsed_s": round(report.elapsed_s, 3)}
        self._has_ended = True
        self.event("end", _level(code), exit_code=code, **counts, **lost, **times, stopped_by=report.stopped_by)

    def verified(self, report: Any) -> None:
        """Note what `melcli verify` came to."""
        self._has_ended = True
        code = report.exit_code
        counts = {"ok": report.num_ok, "damaged": report.num_damaged, "damages": len(report.damages)}
        self.event("end", _level(code), exit_code=code, **counts, elapsed_s=round(report.elapsed_s, 3))

    # during a run

    def found(self, found: Found) -> None:
        """Note the inputs."""
        self.event("found", inputs=len(found.items), account=found.account or None)

    def warned(self, warning: str) -> None:
        """Note a warning."""
        self.event("warning", "warning", message=warning)

    def planned(self, report: Report) -> None:
        """Log the plan."""
        self.event(
            "plan",
            to_do=report.to_do,
            unchanged=report.unchanged,
            failed_before=report.failed_before,
            orphans=report.orphans,
        )

    def failed(self, row: FailedRow) -> None:
        """Note an input that failed."""
        self.event("input_failed", "warning", id=row.id, reason=row.reason, message=row.message)

    def damaged(self, damage: Damage) -> None:
        """Note a damage that `melcli verify` found."""
        self.event("damaged", "warning", id=damage.id, kind=damage.kind, message=damage.sentence())

    def worker_lost(self, loss: WorkerLoss) -> None:
        """Note a worker that ended unasked."""
        self.event(
            loss.kind,
            "warning",
            pid=loss.pid,
            how=loss.how,
            inputs=len(loss.inputs),
            first_input=loss.inputs[0] if loss.inputs else None,
            stderr=loss.stderr or None,
        )

    def retrying(self, num_inputs: int, *, batches: int) -> None:
        """Note what is run again after a loss."""
        self.event("retry", inputs=num_inputs, batches=batches)

    def stopping(self, report: Report, num_batches: int) -> None:
        """Do nothing; the end of the run names the signal."""

    def advanced(self, report: Report) -> None:
        """Note why the run stops, and every 30 s how far it is."""
        if report.stopped_by is not None and self._stopped_by is None:
            self._stopped_by = report.stopped_by
            self.event("stopping", "warning", reason=report.stopped_by)
        if time.monotonic() - self._last_progress_s >= PROGRESS_EVERY_S:
            self._last_progress_s = time.monotonic()
            finished = report.done + report.failed
            self.event(
                "progress",
                finished=finished,
                to_do=report.to_do,
                failed=report.failed,
                audio_s=round(report.audio_s, 3),
                elapsed_s=round(report.elapsed_s, 3),
            )


def _level(exit_code: int) -> Level:
    if exit_code in (3, 10):  # finished but for some inputs, or stopped as asked
        return "warning"
    return "error" if exit_code else "info"
