"""``--json``: one object, also where it is written piece by piece."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest

from melcli.cli import output
from melcli.cli.output import tell_json


@pytest.mark.parametrize(
    "plain",
    [
        {},
        {"a": 1, "b": [], "c": None},
        {"a": [1, 2], "b": ["\udcff\n", {"x": 1.5}], "c": "last"},
        {"a": []},
        {"a": list(range(100_000))},
        [1, 2],
        "text",
    ],
)
def test_iterators_are_written_as_lists(plain: Any, capsys: pytest.CaptureFixture[str]) -> None:
    streamed = (
        {key: iter(value) if isinstance(value, list) else value for key, value in dict(plain).items()}
        if (isinstance(plain, dict))
        else plain
    )
    tell_json(streamed)
    assert capsys.readouterr().out == f"{json.dumps(plain)}\n"


def test_numbers_that_json_has_not_are_refused() -> None:
    for plain in ({"a": float("nan")}, {"a": iter([1, float("inf")])}):
        with pytest.raises(ValueError, match="Out of range float values"):
            tell_json(plain)


def test_no_plan_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    """10,000 signs, which would take 4 MB, take less than 1 MB."""
    written = 0

    def count(text: str, **_: Any) -> None:
        nonlocal written
        written += len(text)

    def signs() -> Iterator[dict[str, str]]:
        for number in range(10_000):
            yield {"sign": "=", "id": f"speaker/session/{number:010}"}

    monkeypatch.setattr(output, "tell", count)
    tracemalloc.start()
    tell_json({"plan": signs()})
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert written > 400_000
    assert peak_bytes < 1_000_000
