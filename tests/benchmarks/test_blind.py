"""The score of the blind test of `melcli identify`."""

from __future__ import annotations

from typing import Any

from benchmarks.blind.page import row
from benchmarks.blind.score import combinations, summary

UNDETERMINED: dict[str, list[Any]] = {"top_db": [80.0, None], "min_power": [1e-5]}


def test_other_values_of_one_key_each_are_tried() -> None:
    assert combinations(UNDETERMINED, together=False) == [{"top_db": 80.0}, {"top_db": None}, {"min_power": 1e-5}]


def test_values_that_are_said_to_fit_together_are_tried_together() -> None:
    joined = [{"top_db": 80.0, "min_power": 1e-5}, {"top_db": None, "min_power": 1e-5}]
    found = combinations(UNDETERMINED, together=True)
    assert found[:3] == combinations(UNDETERMINED, together=False)
    assert found[3:] == joined


def test_a_row_has_the_figures_of_a_run() -> None:
    cases = [
        {"outcome": outcome, "cpu_s": cpu_s, "expressible": outcome != "honest"}
        for outcome, cpu_s in (("right", 2.0), ("missed", 3.0), ("honest", 10.0))
    ]
    result = summary(cases) | {"loop_s": 0.5, "set": {"seed": 7}, "cases": cases}
    assert row(result).startswith("| 7 | 3 | 1 | 0 | 0 | 0 | 1 | 1 | 1 of 2 (50%) | 3.0 s |")
    assert row(result).endswith("| 10.0 s | 0.50 s |")
