"""What a run of `melcli.extract` returns: counts, failures, exit code."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from melcli.errors import Reason, StorageError
from melcli.opening import regular_nofollow
from melcli.printable import printable
from melcli.run.report import Report
from melcli.run.summary import summary_line
from melcli.store.layout import FAILURES_FILE
from melcli.store.rows import ROW_ERRORS, read_row

__all__ = ["ExtractReport", "Failure", "report_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One failed input.

    Attributes
    ----------
    id : str
        Its name in OUT.
    source : str
        Its path.
    reason : str
        One of the reasons of the manifest, such as ``truncated``.
    message : str
        One sentence.
    """

    id: str
    source: str
    reason: Reason
    message: str


@dataclass(frozen=True, kw_only=True)
class ExtractReport:
    """The result of `melcli.extract`; the counts have the names that ``melcli extract --json`` uses.

    Attributes
    ----------
    out : str
        OUT.
    ok : int
        Inputs whose features are in OUT, those of earlier runs included.
    unchanged : int
        Of these, the inputs that needed no work.
    failed : int
        Inputs without features, those that failed in earlier runs included.
    failed_before : int
        Of these, the inputs that failed in earlier runs and were not retried.
    not_done : int
        Inputs that this run did not process, because it stopped early.
    orphans : int
        Items of OUT without an input.
    reasons : Mapping of str to int
        Failures of this run by reason.
    warnings : sequence of str
        What the command would have printed as warnings.
    audio_s : float
        Seconds of audio that this run processed.
    elapsed_s : float
        Seconds that it took.
    stopped_by : str or None
        Why the run ended early, such as ``max time``.
    exit_code : int
        The exit code that the command would have: 0 done, 3 some inputs failed, 7 the run was stopped, 10
        ``max_time_s`` was reached.
    """

    out: str
    ok: int
    unchanged: int
    failed: int
    failed_before: int
    not_done: int
    orphans: int
    reasons: Mapping[str, int]
    warnings: Sequence[str]
    audio_s: float
    elapsed_s: float
    stopped_by: str | None
    exit_code: int
    _summary: str = field(repr=False)

    @cached_property
    def failures(self) -> list[Failure]:
        """The failed inputs in OUT, those of earlier runs included; read from ``OUT/failures.jsonl`` on first use.

        Raises
        ------
        StorageError
            The file cannot be read.
        """
        path = os.path.join(self.out, FAILURES_FILE)
        try:
            with open(path, "rb", opener=regular_nofollow) as file:
                return [_failure(line) for line in file]
        except FileNotFoundError:
            return []
        except (OSError, *ROW_ERRORS) as error:
            raise StorageError(f"cannot read {printable(path)}: {printable(str(error))}") from error

    def __str__(self) -> str:
        return self._summary


def report_of(report: Report, warnings: Sequence[str]) -> ExtractReport:
    """Turn the counts of a run into the report of its caller."""
    return ExtractReport(
        out=report.out,
        ok=report.ok,
        unchanged=report.unchanged,
        failed=report.all_failed,
        failed_before=report.failed_before,
        not_done=report.left,
        orphans=report.orphans,
        reasons=dict(sorted(report.reasons.items())),
        warnings=tuple(warnings),
        audio_s=report.audio_s,
        elapsed_s=report.elapsed_s,
        stopped_by=report.stopped_by,
        exit_code=report.exit_code,
        _summary=summary_line(report),
    )


def _failure(line: bytes) -> Failure:
    row = read_row(line)
    return Failure(id=row.id, source=row.source, reason=row.reason or "internal", message=row.message or "")
