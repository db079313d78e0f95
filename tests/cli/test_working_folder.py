"""A working folder that holds Python files by the names of modules: nothing of it is executed."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import cycle
from pathlib import Path

import pytest

from tests.cli.shell import run_alone
from tests.faults.processes import STARTS, start_command
from tests.run.corpus import LIGHT, plant
from tests.run.invariants import check_nobody_left

# What melcli uses, and itself: `python -m melcli` is the one command that means the folder's own by that name.
LIBRARIES = ("click", "filelock", "h5py", "melcli", "numpy", "scipy", "soundfile", "soxr", "tqdm", "yaml")
TRAP = """\
import os
with open({marker!r}, "a") as file:
    file.write("{name} in " + " ".join(open("/proc/self/cmdline").read().split("\\0")) + "\\n")
"""


@pytest.fixture(scope="module")
def loaded_by_python(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The modules that ``python -m`` itself loads before any line of what it runs; no program can prevent that."""
    folder = tmp_path_factory.mktemp("path")
    (folder / "shows_modules.py").write_text("import sys\nprint(*sys.modules)\n")
    command = [sys.executable, "-P", "-m", "shows_modules"]
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return {name.partition(".")[0] for name in done.stdout.split()}


@pytest.fixture(scope="module")
def extracted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with sounds in ``in``, and what was made of them in ``out``."""
    folder = tmp_path_factory.mktemp("extracted")
    plant(folder / "in", *[f"{number}.wav" for number in range(4)])
    assert run_alone("extract", folder / "in", *LIGHT, "-j", "2", out=folder / "out").code == 0
    return folder


@pytest.fixture
def hostile(tmp_path: Path, loaded_by_python: set[str]) -> Path:
    """A folder with a trap by the name of every module of the standard library and of every library."""
    folder = tmp_path / "hostile"
    folder.mkdir()
    names = {name for name in sys.stdlib_module_names if not name.startswith("_")} | set(LIBRARIES)
    for name in names - loaded_by_python:
        (folder / f"{name}.py").write_text(TRAP.format(marker=str(tmp_path / "marker"), name=name))
    assert (folder / "json.py").exists()
    return folder


@pytest.mark.full
@pytest.mark.parametrize(
    "command, how",
    [*zip(["npy", "npy with PYTHONPATH", "hdf5", "dry run", "verify", "doctor"], cycle(STARTS), strict=False)],
)
def test_code_in_the_working_folder(tmp_path: Path, hostile: Path, extracted: Path, how: str, command: str) -> None:
    """Not executed by any command, neither in the driver nor in a worker."""
    if how == "python -m melcli":
        (hostile / "melcli.py").unlink()
    (tmp_path / "other").mkdir()
    extract = ("extract", extracted / "in", *LIGHT, "-j", "2", "-o", tmp_path / "out")
    arguments = {
        "npy": extract,
        "npy with PYTHONPATH": extract,
        "hdf5": (*extract, "-f", "hdf5"),
        "dry run": (*extract, "-n"),
        "verify": ("verify", extracted / "out", "--recompute", "100%", "-j", "2"),
        "doctor": ("doctor", tmp_path),
    }[command]
    environment = {"PYTHONPATH": str(tmp_path / "other")} if "PYTHONPATH" in command else {}
    run = start_command(how, *arguments, out=tmp_path / "out", env=environment, cwd=hostile)
    ended = run.end()
    marker = tmp_path / "marker"
    assert not marker.exists(), marker.read_text()
    assert ended.code == 0, ended
    check_nobody_left(run.process.pid)
