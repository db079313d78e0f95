"""Another Python process finds the modules of this one, and none of the working directory's."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from melcli.run.engines import interpreter
from melcli.run.engines.interpreter import PACKAGE_PARENT, python_command, search_path


def test_the_search_path_leaves_out_the_working_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", ["", "/one", PACKAGE_PARENT, "/two"])
    assert search_path() == ["/one", PACKAGE_PARENT, "/two"]


def test_an_empty_entry_of_pythonpath_is_the_working_directory_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """PYTHONPATH=$PYTHONPATH:/x, where it was not set before."""
    monkeypatch.setenv("PYTHONPATH", f":{PACKAGE_PARENT}")
    monkeypatch.chdir("/")
    monkeypatch.setattr(sys, "path", ["/", PACKAGE_PARENT])
    assert search_path() == [PACKAGE_PARENT]


def test_what_python_itself_does_not_search_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Notebooks add paths that are no text."""
    monkeypatch.setattr(sys, "path", [Path("/one"), PACKAGE_PARENT])
    assert search_path() == [PACKAGE_PARENT]


def test_melcli_is_found_where_it_was_found_though_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", ["", "/one"])
    assert search_path() == ["/one", PACKAGE_PARENT]


def test_options_of_this_interpreter_hold_there_too(monkeypatch: pytest.MonkeyPatch) -> None:
    class Flags:
        utf8_mode, ignore_environment, no_user_site, no_site, dont_write_bytecode = 1, 1, 0, 0, 1

    monkeypatch.setattr(interpreter.sys, "flags", Flags)
    monkeypatch.setattr(interpreter.sys, "warnoptions", ["error::UserWarning"])
    command = python_command("pass", "a")
    assert command[:6] == [sys.executable, "-P", "-Xutf8=1", "-Werror::UserWarning", "-E", "-B"]
    assert command[-1] == "a"


def test_names_that_are_not_utf_8_stay_as_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    odd = str(tmp_path / "\udcff odd'\n")
    monkeypatch.setattr(sys, "path", [odd, *sys.path])
    done = subprocess.run(python_command("print(ascii(sys.path[0]))"), capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ascii(odd)
