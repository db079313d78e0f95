"""Rows of extracted inputs, counted in a report."""

from __future__ import annotations

from typing import Any

from melcli.run.report import Report
from melcli.run.tally import count_rows
from melcli.store.rows import Row
from tests.store.rows import make_row

__all__ = ["add", "failed", "ok"]


def ok(row_id: str, duration: float = 1.5, **more: Any) -> Row:
    return make_row(row_id, source=row_id, duration=duration, config_id="c", **more)


def add(report: Report, rows: list[Row]) -> None:
    report.add_batch(count_rows(rows, report.features), [row for row in rows if row.status == "failed"])


def failed(row_id: str, reason: Any = "empty") -> Row:
    return make_row(row_id, source=row_id, status="failed", reason=reason, config_id="c")
