"""Libraries that work, and libraries that are broken in one of many ways, each in a process of its own."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from melcli.mel.kernels import kernels
from melcli.run.doctor import libraries
from melcli.run.doctor.child_process import describe_failure, first_line, start_python
from melcli.run.doctor.libraries import Library, check_libraries


def broken(folder: Path, name: str, code: str) -> None:
    """Put a package of this name before the real one."""
    (folder / name).mkdir()
    (folder / name / "__init__.py").write_text(code)


@pytest.fixture
def first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder that is looked in before all others."""
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    return tmp_path


@pytest.mark.full
def test_all_of_them() -> None:
    found = {library.name: library for library in check_libraries()}
    assert list(found) == ["numpy", "scipy", "soundfile", "soxr", "h5py", "filelock", "PyYAML", "worker"]
    assert [library.error for library in found.values()] == [""] * len(found)
    assert found["numpy"].versions == {"numpy": np.__version__, **kernels()}
    assert found["soundfile"].versions["libsndfile"] == soundfile.__libsndfile_version__
    assert list(found["h5py"].versions) == ["h5py", "HDF5"]
    assert set(found["soundfile"].codecs) == {"FLAC", "Vorbis", "Opus", "MP3"}


@pytest.mark.few(1)
@pytest.mark.parametrize(
    "code, error",
    [
        ("raise ImportError('libfoo.so: cannot open shared object file')", "ImportError: libfoo.so: cannot open"),
        pytest.param("raise RuntimeError('a\\x1b[31m\\nb\\x07')", "b\\x07", marks=pytest.mark.full),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "ended by signal 11"),
        pytest.param("import os; os._exit(3)", "ended with exit code 3", marks=pytest.mark.full),
        pytest.param("import sys; print('told', file=sys.stderr); sys.exit(2)", "told", marks=pytest.mark.full),
        ("x = 1", "AttributeError: module 'soxr' has no attribute '__version__'"),
    ],
)
def test_one_that_is_broken_is_told_in_a_line(first: Path, code: str, error: str) -> None:
    broken(first, "soxr", code)
    (found, other) = check_libraries(["soxr", "filelock"])
    assert found.versions == {}
    assert found.error.startswith(error)
    assert "\n" not in found.error
    assert other.error == ""


@pytest.mark.full
def test_a_worker_that_cannot_compute_is_found_where_versions_are_told(first: Path) -> None:
    broken(first, "soxr", "__version__ = '1'\nclass ResampleStream: pass")
    (library, worker) = check_libraries(["soxr", "worker"])
    assert library.error == ""
    assert worker.error.startswith("TypeError: ")


@pytest.mark.full
def test_one_that_hangs_is_given_up(first: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libraries, "CHILD_TIMEOUT_S", 0.5)
    broken(first, "soxr", "import signal; signal.pause()")
    assert check_libraries(["soxr"]) == [Library(name="soxr", error="its import takes more than 0 s")]


def test_where_no_process_can_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/not/there")
    error = "its process cannot be started: No such file or directory"
    assert check_libraries(["soxr"]) == [Library(name="soxr", error=error)]


def test_what_a_library_prints_is_passed_over(first: Path) -> None:
    broken(first, "soxr", "print('hello {\"versions\": 1}'); __version__ = '7'")
    assert check_libraries(["soxr"]) == [Library(name="soxr", versions={"soxr": "7"})]


def test_the_working_folder_is_not_looked_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken(tmp_path, "soxr", "raise ImportError('not this one')")
    broken(tmp_path, "json", "raise ImportError('not this one')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [folder for folder in sys.path if folder not in ("", ".")])
    assert check_libraries(["soxr"])[0].error == ""


def test_a_process_that_says_nothing() -> None:
    with start_python("print('first'); print('second')") as process:
        assert first_line(process) == "first"
        process.communicate()
    with start_python("sys.exit(sys.argv[1])", "sorry\x07") as process:
        assert first_line(process) == ""
        assert describe_failure(process, process.communicate()[1]) == "sorry\\x07"
