"""The default tier has a part of everything, and ``--all`` runs all."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from hypothesis import settings

from tests.tiers import examples, full_but

ROOT = Path(__file__).resolve().parent.parent
PLANTED = """
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.tiers import examples, full_but

@pytest.mark.parametrize("name", full_but("abc", "b"))
def test_many(name):
    pass

@pytest.mark.few(2)
@pytest.mark.parametrize("name", "abcd")
def test_first(name):
    pass

@pytest.mark.full
def test_slow():
    pass

@pytest.mark.soak
@pytest.mark.full
def test_soak():
    pass

runs = []

@given(st.integers())
@settings(max_examples=examples(40), database=None)
def test_examples(number):
    runs.append(number)

def test_how_many_examples():
    print(len(runs), "examples")
"""
PLANTED_CONFTEST = "from tests.conftest import pytest_addoption, pytest_collection_modifyitems, pytest_configure\n"
PLANTED_INI = "[pytest]\naddopts = -m 'not soak'\nmarkers =\n  soak: long\n  full: with --all\n  few(n): n\n"


@pytest.fixture
def planted(tmp_path: Path) -> Path:
    for name, content in {"test_it.py": PLANTED, "conftest.py": PLANTED_CONFTEST, "pytest.ini": PLANTED_INI}.items():
        (tmp_path / name).write_text(textwrap.dedent(content))
    return tmp_path


@pytest.mark.few(1)
@pytest.mark.parametrize(
    "arguments, passed, deselected, number",
    [
        ((".",), 5, 6, "10"),
        pytest.param((".", "--all"), 10, 1, "40", marks=pytest.mark.full),
        pytest.param(("test_it.py::test_slow",), 1, 0, None, marks=pytest.mark.full),
        pytest.param(("test_it.py::test_first[d]",), 1, 0, None, marks=pytest.mark.full),
        pytest.param(("test_it.py::test_many",), 3, 0, None, marks=pytest.mark.full),
        pytest.param(("./test_it.py::test_many[a]",), 1, 0, None, marks=pytest.mark.full),
        pytest.param((".", "-m", "soak"), 1, 10, None, marks=pytest.mark.full),
        pytest.param((".", "-m", "full"), 1, 10, None, marks=pytest.mark.full),
        pytest.param((".", "-m", "full", "--all"), 4, 7, None, marks=pytest.mark.full),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_what_runs(planted, arguments, passed, deselected, number):
    command = [sys.executable, "-m", "pytest", "-rP", "-p", "no:cacheprovider", "-c", "pytest.ini", *arguments]
    environment = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}
    said = subprocess.run(command, cwd=planted, env=environment, capture_output=True, text=True).stdout
    counts = f"{passed} passed, {deselected} deselected" if deselected else f"{passed} passed in"
    assert counts in said, said
    assert number is None or f"\n{number} examples\n" in said


def test_a_kept_parameter_has_to_be_there():
    with pytest.raises(ValueError, match=r"not among the values of the parameter: \['d'\]"):
        full_but("abc", "b", "d")


def test_at_least_one_parameter_is_kept():
    with pytest.raises(ValueError, match="keep at least one"):
        full_but("abc")


def test_marks_and_names_of_a_parameter_are_kept():
    one, other = full_but([pytest.param(1, 2, id="x", marks=pytest.mark.xfail), 3], 3)
    assert (one.id, one.values, [mark.name for mark in one.marks]) == ("x", (1, 2), ["xfail", "full"])
    assert other == 3


def test_tuples_are_values_unless_they_are_unpacked():
    (one,) = full_but([(1, 2), (3, 4)], (3, 4))[:1]
    assert one.values == ((1, 2),)
    (one,) = full_but([(1, 2), (3, 4)], (3, 4), unpack=True)[:1]
    assert one.values == (1, 2)


def test_the_share_of_examples():
    assert examples(100) == settings.default.max_examples
    assert examples(1) == 1
