"""Lines of the log: whole, of one form, and not to be forged."""

from __future__ import annotations

import shlex
from datetime import datetime, timedelta, timezone

import pytest

from melcli.cli.log_lines import MAX_LINE_BYTES, Value, log_line

WHEN = datetime(2026, 11, 30, 20, 43, 0, 999_999, tzinfo=timezone(timedelta(hours=1)))
START = "2026-11-30T20:43:00+01:00 run=1a2b3c4d level=info event=e"


def line(**fields: Value) -> str:
    return log_line(WHEN, "1a2b3c4d", "info", "e", fields).decode()


@pytest.mark.parametrize(
    "value, text",
    [
        (12, "12"),
        (1.5, "1.5"),
        (True, "yes"),
        (False, "no"),
        ("a/b-1.wav", "a/b-1.wav"),
        ("", '""'),
        ("two words", '"two words"'),
        ('say "a"', r'"say \"a\""'),
        ("a=b", '"a=b"'),
        ("a\\b", r'"a\\b"'),
        ("a\nb\x1b[31m\u2028\udcff", r'"a\\x0ab\\x1b[31m\\u2028\\xff"'),
    ],
)
def test_a_value(value: Value, text: str) -> None:
    assert line(of=value) == f"{START} of={text}\n"


def test_what_is_not_known_is_left_out() -> None:
    assert line(a=None, b=1) == f"{START} b=1\n"


def test_a_hostile_name_forges_no_line_and_no_field() -> None:
    forged = 'x" level=error event=end\n2026-11-30T20:43:00+00:00 run=1a2b3c4d level=info event=end exit_code=0'
    said = line(id=forged)
    assert said.count("\n") == 1
    fields = shlex.split(said)  # which unquotes as readers of logfmt do
    assert [field.partition("=")[0] for field in fields[1:]] == ["run", "level", "event", "id"]


@pytest.mark.parametrize("letter", ["x", "é", "\n", '"'])
def test_a_line_fits_into_a_pipe_at_once(letter: str) -> None:
    said = line(kind="short", message=letter * 5000, name=letter * 3000)
    assert len(said.encode()) <= MAX_LINE_BYTES
    assert said.startswith(f"{START} kind=short message=")
    assert said.count("...") == 2
    assert said.endswith("\n")
