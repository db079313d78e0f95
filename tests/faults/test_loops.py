"""The tally itself: a violation is counted, fails its test, and stands on the page."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.faults.loops import MAX_VIOLATIONS, ROOT, Tally, fault_name, loop
from tests.faults.page import page_of, record

ENTRY = {
    "rounds": 1000,
    "violations": 0,
    "violated": [],
    "notes": ["12.3 % of cuts"],
    "seed": 3,
    "seconds": 90.0,
    "date": "2026-01-31",
    "machine": "a machine",
    "versions": {"melcli": "1.2.3", "numpy": None},
    "revision": "abc1234+",
}


def test_a_round_that_holds_is_counted() -> None:
    tally = Tally(seed=3)
    for number in range(4):
        with tally.round() as this:
            assert this == number
    tally.count(100)
    assert (tally.rounds, tally.violations) == (104, [])


@pytest.mark.parametrize(
    "error", [AssertionError("torn\nfile"), subprocess.TimeoutExpired("melcli", 60), OSError(5, "x"), EOFError()]
)
def test_a_violation_is_noted_and_the_loop_goes_on(error: Exception) -> None:
    tally = Tally(seed=3)
    for number in range(4):
        with tally.round():
            if number == 2:
                raise error
    assert tally.rounds == 4
    assert len(tally.violations) == 1
    assert tally.violations[0].startswith(f"round 2, seed 3: {type(error).__name__}: ")


def test_a_loop_stops_when_all_goes_wrong() -> None:
    tally = Tally(seed=0)

    def all_rounds() -> None:
        for _ in range(1000):
            with tally.round():
                raise AssertionError

    with pytest.raises(pytest.fail.Exception, match="stopped in round 19: 20 violations in 20 rounds"):
        all_rounds()
    assert tally.rounds == MAX_VIOLATIONS


def test_a_fault_has_the_name_of_its_docstring_and_its_parameters() -> None:
    def test() -> None:
        """SIGKILL of the whole run.

        More.
        """

    assert fault_name(test, {"rounds": 5}) == "SIGKILL of the whole run"
    assert fault_name(test, {"format_": "npy", "rounds": 5, "n": 3}) == "SIGKILL of the whole run [npy, 3]"


@pytest.mark.parametrize("default", [0, 3])
def test_a_loop_has_a_round_in_the_default_tier_and_not_more_than_with_all(default: int) -> None:
    with pytest.raises(ValueError, match=f"default={default}"):
        loop(quick=2, soak=30, default=default)


def test_the_page_has_a_line_for_each_loop() -> None:
    page = page_of({"b | c": ENTRY, "a": {**ENTRY, "rounds": 5, "notes": [], "revision": None}})
    assert "| a | 5 | 0 |  | 3 | 1.5 | 2026-01-31 | 1 |\n" in page
    assert "| b \\| c | 1,000 | 0 | 12.3 % of cuts | 3 | 1.5 | 2026-01-31 | 2 |\n" in page
    assert "\n1. a machine; melcli 1.2.3\n2. a machine; melcli 1.2.3 (abc1234+)\n" in page
    assert "Violations" not in page


def test_the_page_says_what_did_not_hold() -> None:
    page = page_of({"a": {**ENTRY, "violations": 2, "violated": ["round 7, seed 3: torn"]}})
    assert "| a | 1,000 | **2** | 12.3 % of cuts |" in page
    assert page.endswith("\n## Violations\n\na:\n\n```\nround 7, seed 3: torn\n```\n\n")


def test_a_record_leaves_what_others_wrote(tmp_path: Path) -> None:
    record({"a": ENTRY, "b": ENTRY}, tmp_path)
    record({"b": {**ENTRY, "rounds": 7}, "c": ENTRY}, tmp_path)
    known = json.loads((tmp_path / "faults.json").read_text())
    assert {name: entry["rounds"] for name, entry in known.items()} == {"a": 1000, "b": 7, "c": 1000}
    assert (tmp_path / "faults.md").read_text() == page_of(known)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["faults.json", "faults.md"]


# a test run of its own, in which one loop is broken

PLANTED = """
import pytest
from tests.faults.loops import loop

@loop(quick=2, soak=30)
@pytest.mark.parametrize("kind", ["good", "bad"])
def test_planted(rounds, tally, kind):
    '''A planted loop.'''
    for number in range(rounds):
        with tally.round():
            assert kind == "good" or number != 1, "it does not hold"
    tally.note("a remark")

@loop(quick=2, soak=3)
def test_raises(rounds, tally):
    '''A loop that ends too early.'''
    with tally.round():
        pass
    raise ValueError("a bug of the test")

@loop(quick=2, soak=3)
def test_skips(rounds, tally):
    '''A loop that cannot run.'''
    pytest.skip("no such tool")
"""
PLANTED_CONFTEST = """
import pathlib
from tests.conftest import pytest_addoption, pytest_configure
from tests.faults import page
from tests.faults.conftest import *

page.DOCS = pathlib.Path(__file__).parent / "docs"
"""
PLANTED_INI = "[pytest]\naddopts = -m 'not soak'\nmarkers = soak: long loops\n"


@pytest.fixture
def planted(tmp_path: Path) -> Path:
    for name, content in {"test_it.py": PLANTED, "conftest.py": PLANTED_CONFTEST, "pytest.ini": PLANTED_INI}.items():
        (tmp_path / name).write_text(textwrap.dedent(content))
    (tmp_path / "docs").mkdir()
    return tmp_path


def run_planted(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-c", "pytest.ini", ".", *arguments]
    environment = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


@pytest.mark.full
def test_quick_loops_fail_and_are_not_written_down(planted: Path) -> None:
    said = run_planted(planted, "--all").stdout
    assert "1 violations in 2 rounds\n  round 1, seed 0: AssertionError: it does not hold" in said
    assert "FAILED test_it.py::test_planted[bad-quick]" in said
    assert "2 failed, 1 passed, 1 skipped" in said
    assert list((planted / "docs").iterdir()) == []


@pytest.mark.full
def test_the_default_tier_runs_one_round(planted: Path) -> None:
    """Round 1 of the bad loop would fail, and the run ends after round 0."""
    said = run_planted(planted, "-k", "planted").stdout
    assert "2 passed" in said


@pytest.mark.full
def test_soaked_loops_are_written_down_by_the_test_run(planted: Path) -> None:
    """By one process: with pytest-xdist each of its workers would write."""
    refused = run_planted(planted, "-m", "soak", "-n", "2")
    assert (refused.returncode, list((planted / "docs").iterdir())) == (4, [])
    assert "ERROR: -m soak records its figures in docs/faults.json: run it without -n" in refused.stderr
    done = run_planted(planted, "-m", "soak", "--seed", "7")
    assert done.returncode == 1
    assert "2 failed, 1 passed, 1 skipped" in done.stdout
    known = json.loads((planted / "docs" / "faults.json").read_text())
    counts = {name: (entry["rounds"], entry["violations"], entry["seed"]) for name, entry in known.items()}
    assert counts == {
        "A planted loop [good]": (30, 0, 7),
        "A planted loop [bad]": (30, 1, 7),
        "A loop that ends too early": (1, 1, 7),
    }
    assert known["A planted loop [good]"]["notes"] == ["a remark"]
    page = (planted / "docs" / "faults.md").read_text()
    assert "| A planted loop [bad] | 30 | **1** | a remark | 7 |" in page
    assert "round 1, seed 7: AssertionError: it does not hold" in page
    assert "after round 0, seed 7: ValueError: a bug of the test" in page


@pytest.mark.full
def test_a_shortened_loop_is_not_written_down(planted: Path) -> None:
    done = run_planted(planted, "-m", "soak", "--rounds", "1", "-k", "planted")
    assert "2 passed" in done.stdout
    assert list((planted / "docs").iterdir()) == []
