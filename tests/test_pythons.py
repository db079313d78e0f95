"""Which Pythons CI takes: the oldest and the newest that are supported and work."""

from __future__ import annotations

import sys

import pytest

from tests.test_docs import CI, ROOT, load

pythons = load(".ci/pythons.py")

FOUND = [((3, 12, 1), "/b"), ((3, 10, 13), "/old"), ((3, 11, 7), "/a"), ((3, 13, 0), "/c")]


@pytest.mark.parametrize(
    "found, paths",
    [
        (FOUND, ["/a", "/c"]),
        (FOUND[:3], ["/a", "/b"]),
        ([((3, 9, 1), "/x"), ((3, 13, 0), "/c")], ["/c"]),
        ([((3, 11, 7), "/a"), ((3, 11, 2), "/a2")], ["/a2"]),
        ([((3, 10, 13), "/old")], []),
        ([], []),
    ],
)
def test_the_oldest_and_the_newest_are_taken(found, paths):
    assert [path for _, path in pythons.oldest_and_newest(found, (3, 11))] == paths


def script(tmp_path, name, body):
    path = tmp_path / name
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return str(path)


def test_what_is_no_released_python_is_passed_over(tmp_path):
    commands = [
        script(tmp_path, "shim", "echo 'python3.14: command not found' >&2; exit 127"),
        script(tmp_path, "prerelease", "echo 3 15 0 candidate /usr/bin/python3.15"),
        script(tmp_path, "odd", "echo hello"),
        str(tmp_path / "missing"),
        script(tmp_path, "good", "echo 3 13 2 final /opt/my python/bin/python3.13"),
    ]
    assert list(pythons.pythons(commands)) == [((3, 13, 2), "/opt/my python/bin/python3.13")]


def test_this_python_is_one():
    [(version, path)] = pythons.pythons([sys.executable])
    assert version == sys.version_info[:3]
    assert path


def test_the_lowest_version_is_that_of_the_project():
    assert pythons.lowest_supported((ROOT / "pyproject.toml").read_text(encoding="utf-8")) == (3, 11)
    with pytest.raises(SystemExit, match="must have a line like"):
        pythons.lowest_supported("[project]\n")


def test_ci_takes_the_pythons_from_the_script():
    assert ".ci/pythons.py" in CI
