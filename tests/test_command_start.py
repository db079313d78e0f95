"""What importing melcli changes: nothing in other programs, and the start of the command itself."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.elapsed import run

ROOT = Path(__file__).parents[1]
SHOW = "import signal, sys; print(sys.path[0], signal.getsignal(signal.SIGINT) is signal.SIG_DFL)"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A package of somebody else's that uses melcli, and modules beside it."""
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "__init__.py").write_text("from melcli import __version__\n")
    (tmp_path / "other" / "train.py").write_text(f"import helper_of_mine\n{SHOW}\n")
    (tmp_path / "helper_of_mine.py").touch()
    (tmp_path / "script.py").write_text(f"import melcli\n{SHOW}\n")
    return tmp_path


def output(folder: Path, *arguments: str, **environment: str) -> str:
    variables = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    done = run([sys.executable, *arguments], cwd=folder, env=variables, text=True)
    assert done.stderr == ""
    return str(done.stdout).strip()


@pytest.mark.parametrize("arguments", [("-m", "other.train"), ("-m", "other.train", "-m", "melcli"), ("script.py",)])
def test_another_program_that_uses_melcli_keeps_its_path_and_its_signals(
    folder: Path, arguments: tuple[str, ...]
) -> None:
    assert output(folder, *arguments) == f"{folder} False"


@pytest.mark.parametrize(
    "argv, orig_argv, is_command",
    [
        (["-m", "extract"], ["python", "-m", "melcli", "extract"], True),
        (["-m"], ["python", "-X", "utf8", "-m", "melcli"], True),
        (["/venv/bin/melcli", "extract"], ["python", "/venv/bin/melcli", "extract"], True),
        (["-m", "melcli"], ["python", "-m", "other", "melcli"], False),
        (["-m"], [], False),
        ([], [], False),
        (["other.py", "-m", "melcli"], ["python", "other.py", "-m", "melcli"], False),
    ],
)
def test_only_the_command_itself_is_recognized(
    folder: Path, argv: list[str], orig_argv: list[str], is_command: bool
) -> None:
    as_usual = "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler)"  # some CI ignores it
    code = f"{as_usual}; sys.argv, sys.orig_argv = {argv}, {orig_argv}; import melcli; {SHOW}"
    assert output(folder, "-c", code).endswith(str(is_command))


def test_an_empty_entry_of_pythonpath_is_left_out_for_the_command(folder: Path) -> None:
    code = "import sys; sys.argv = ['/venv/bin/melcli']; import melcli, os; print(os.getcwd() in sys.path)"
    assert output(folder, "-c", code, PYTHONPATH=f":{ROOT}") == "False"
