"""Format one event as a line of logfmt."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Literal

from melcli.printable import printable

__all__ = ["MAX_LINE_BYTES", "Level", "Value", "local_now", "log_line"]

Level = Literal["info", "warning", "error"]
Value = str | int | float | bool | None

MAX_LINE_BYTES = 4096  # PIPE_BUF of Linux: a pipe takes a longer line in pieces, between which others may write
_CUT = "..."
_PLAIN = re.compile(r"[A-Za-z0-9_./:+@%,-]+")


def local_now() -> datetime:
    """Return the time with the offset of the local time zone."""
    return datetime.now(tz=UTC).astimezone()


def log_line(when: datetime, run_id: str, level: Level, event: str, fields: Mapping[str, Value]) -> bytes:
    r"""Return a line with its line end.

    Parameters
    ----------
    when : datetime
        With a time zone.
    run_id : str
        The same in all lines of a run.
    level : "info", "warning" or "error"
    event : str
        What happened, in one word.
    fields : Mapping
        What is known of it.  None is left out.  The longest values are cut where a line would be over
        `MAX_LINE_BYTES`.

    Examples
    --------
    >>> when = datetime(2026, 11, 30, 20, 43, tzinfo=UTC)
    >>> log_line(when, "1a2b3c4d", "info", "plan", {"to_do": 12, "of": 'a "b"\n'})
    b'2026-11-30T20:43:00+00:00 run=1a2b3c4d level=info event=plan to_do=12 of="a \\"b\\"\\\\x0a"\n'
    """
    start = f"{when.isoformat(timespec='seconds')} run={run_id} level={level} event={event}"
    values = {name: _text(value) for name, value in fields.items() if value is not None}
    while True:
        line = f"{' '.join([start, *(f'{name}={_quoted(value)}' for name, value in values.items())])}\n".encode()
        longest = max(values, key=lambda name: len(values[name]), default="")
        if len(line) <= MAX_LINE_BYTES or len(values[longest]) <= 2 * len(_CUT):
            return line
        values[longest] = values[longest][: len(values[longest]) // 2 - len(_CUT)] + _CUT


def _text(value: Value) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return printable(str(value))


def _quoted(value: str) -> str:
    if _PLAIN.fullmatch(value):
        return value
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
