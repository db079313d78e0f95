"""The contributor's kit: workflow, hooks, issue templates and the page of contributing agree with the project."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from melcli.cli.root import melcli
from tests.test_layers import LAYERS, PACKAGES

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PAGE = (ROOT / "docs" / "contributing.md").read_text(encoding="utf-8")


def read(path: str) -> Any:
    return yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))


# the workflow


def test_the_workflow_tests_every_python_that_the_project_names() -> None:
    named = [line.rpartition(" ")[2] for line in PROJECT["classifiers"] if re.search(r":: Python :: 3\.\d+$", line)]
    jobs = read(".github/workflows/ci.yml")["jobs"]
    assert jobs["tests"]["strategy"]["matrix"]["python"] == named
    assert PROJECT["requires-python"] == f">={named[0]}"
    assert {job["runs-on"].partition("-")[0] for job in jobs.values()} == {"ubuntu", "macos"}


def test_the_workflow_runs_what_contributors_run() -> None:
    jobs = read(".github/workflows/ci.yml")["jobs"]
    commands = [step["run"] for job in jobs.values() for step in job["steps"] if "run" in step]
    assert ".ci/run" in commands
    assert "python -m pytest -n 2 --dist worksteal" in commands
    assert all(command in PAGE for command in (".ci/run", "python -m pytest -n 2 --dist worksteal"))
    assert read(".github/workflows/ci.yml")["permissions"] == {"contents": "read"}


# hooks


def test_the_hook_for_users_is_a_command_of_melcli() -> None:
    (hook,) = read(".pre-commit-hooks.yaml")
    name, *path = shlex.split(hook["entry"])
    assert name in PROJECT["scripts"]
    command: Any = melcli
    for part in path:
        command = command.commands[part]
    files = re.compile(hook["files"])
    assert all(files.search(path) for path in ("melcli.yaml", "conf/melcli_80.yml", "a/whisper.melcli.yaml"))
    assert not any(files.search(path) for path in ("a.yaml", "conf/train.yaml", "melcli.py", "melcli.yaml.txt"))


def test_the_hooks_of_contributors_run_tools_of_the_extras() -> None:
    extras = " ".join(PROJECT["optional-dependencies"]["dev"] + PROJECT["optional-dependencies"]["test"])
    for hook in [hook for repository in read(".pre-commit-config.yaml")["repos"] for hook in repository["hooks"]]:
        tool, *arguments = shlex.split(hook["entry"])
        assert tool in {"python", *PROJECT["scripts"]} or tool in extras, hook["id"]
        for argument in arguments:
            if argument.endswith(".py"):
                assert (ROOT / argument).is_file(), argument


# issue templates


@pytest.mark.parametrize(
    "path", sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml")), ids=lambda path: path.name
)
def test_an_issue_template_is_a_form(path: Path) -> None:
    form = yaml.safe_load(path.read_text(encoding="utf-8"))
    if path.name == "config.yml":
        assert form == {"blank_issues_enabled": True}
        return
    assert {"name", "description", "body"} <= form.keys()
    ids = [field["id"] for field in form["body"] if field["type"] != "markdown"]
    assert len(ids) == len(set(ids))
    assert any(field.get("validations", {}).get("required") for field in form["body"])
    for field in form["body"]:
        assert field["type"] in {"markdown", "input", "textarea"}
        assert field["attributes"]["value" if field["type"] == "markdown" else "label"]


def test_commands_in_the_templates_are_commands() -> None:
    text = "".join(path.read_text() for path in (ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))
    named = set(re.findall(r"`melcli (\w+)", text))
    assert named
    assert named <= set(melcli.commands)


# the page


def test_the_page_names_files_that_are_there() -> None:
    named = set(re.findall(r"`((?:melcli|tests|docs|configs|benchmarks|\.ci|\.github)/[\w./]*)`", PAGE))
    assert len(named) > 20
    assert [path for path in sorted(named) if "NAME" not in path and not (ROOT / path).exists()] == []


def test_the_picture_has_every_package_in_its_row() -> None:
    picture = (ROOT / "docs" / "layers.svg").read_text(encoding="utf-8")
    drawn: dict[int, set[str]] = {}
    for y, name in re.findall(r'y="(\d+)" [^>]*font-weight="bold"[^>]*>(\w+)<', picture):
        drawn.setdefault(int(y), set()).add(name)
    rows = [{name.partition(".")[2] for name in row} for row in LAYERS if row != {"melcli", "melcli.__main__"}]
    assert len(drawn) == len(rows)
    for names, row in zip(drawn.values(), rows, strict=True):  # from top to bottom
        packages = {name for name in row if f"melcli.{name}" in PACKAGES}
        assert packages <= names <= row, names


def test_the_project_names_its_addresses() -> None:
    assert set(PROJECT["urls"]) == {"Repository", "Documentation", "Changelog", "Issues"}
    assert all(url.startswith("https://") for url in PROJECT["urls"].values())


def test_the_changes_follow_keep_a_changelog() -> None:
    lines = (ROOT / "docs" / "changes.md").read_text(encoding="utf-8").splitlines()
    versions = [line for line in lines if line.startswith("## ")]
    assert versions[0] == "## Unreleased"
    assert all(re.fullmatch(r"## \d+\.\d+\.\d+ - \d{4}-\d\d-\d\d", line) for line in versions[1:])
    kinds = {line.removeprefix("### ") for line in lines if line.startswith("### ")}
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
