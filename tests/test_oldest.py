"""CI tests the oldest versions that pyproject.toml allows, and takes them from there."""

from __future__ import annotations

import tomllib

import pytest

from tests.test_docs import CI, ROOT, load

oldest = load(".ci/oldest.py")

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


@pytest.mark.parametrize(
    "requirement, constraint",
    [
        ("numpy>=2", "numpy==2"),
        ("click>=8.1,!=8.3.0", "click==8.1"),
        ("h5py >= 3.11, <4", "h5py==3.11"),
        ("types-PyYAML<7,>=6.0.1", "types-PyYAML==6.0.1"),
    ],
)
def test_a_lower_bound_becomes_the_only_version(requirement, constraint):
    assert oldest.oldest(requirement) == constraint


@pytest.mark.parametrize(
    "requirement",
    ["numpy", "numpy<3", "numpy==2.0", "numpy>=2,>=3", "melcli[test]>=1", "tomli>=2; python_version<'3.11'"],
)
def test_what_has_no_single_lower_bound_is_refused(requirement):
    with pytest.raises(SystemExit, match="one lower bound"):
        oldest.oldest(requirement)


def test_every_dependency_of_the_project_and_of_its_tests_has_an_oldest_version():
    constraints = oldest.constraints(PROJECT, ["test"])
    assert len(constraints) == len(PROJECT["dependencies"]) + len(PROJECT["optional-dependencies"]["test"])
    assert {"numpy==2", "click==8.1"} <= set(constraints)


def test_an_extra_that_does_not_exist_is_refused():
    with pytest.raises(SystemExit, match="no extra 'tests'"):
        oldest.constraints(PROJECT, ["tests"])


def test_ci_takes_the_versions_from_the_script():
    assert ".ci/oldest.py test" in CI
    assert "==" not in "".join(line for line in CI.splitlines() if "install" in line and "pip-audit" not in line)
