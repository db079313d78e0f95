"""What is a problem, what is a warning, and how it is told."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from melcli.errors import ConfigError
from melcli.run.doctor import diagnosis
from melcli.run.doctor.diagnosis import Diagnosis, Storage, diagnose
from melcli.run.doctor.file_system_tests import FileSystemTest, NameRules
from melcli.run.doctor.libraries import Library
from melcli.run.doctor.machine import Machine
from melcli.run.doctor.report import lines
from melcli.store.mounts import Mount
from melcli.store.space import Space
from tests.run.invariants import check_printed

MACHINE = Machine(
    system="Linux 6.1, x86_64",
    python="3.12.1",
    cpus=64,
    affinity_cpus=32,
    quota_cpus=7.5,
    usable_cpus=8,
    memory_bytes=256_000_000_000,
    memory_limit_bytes=None,
    open_files=1024,
    file_size_bytes=None,
    core_bytes=0,
)
SOUND = [
    Library(name="soundfile", versions={"soundfile": "0.14.0", "libsndfile": "9.9.9"}, codecs={"FLAC": True}),
    Library(name="worker"),
]
STORAGE = Storage(
    out="/data/out",
    tested="/data",
    mount=Mount(kind="ext4", point="/", read_only=False),
    space=Space(free_bytes=10**12, block_bytes=4096, free_files=10**6),
    promises=[FileSystemTest(name="locks", kept=True, detail="kept")],
    names=NameRules(longest_bytes=255, any_bytes=True, tells_case=True, tells_form=True),
)


@pytest.fixture
def made_up(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that diagnoses what it is given."""

    def diagnosed(libraries: Any = SOUND, machine: Machine = MACHINE, storage: Storage = STORAGE) -> Diagnosis:
        monkeypatch.setattr(diagnosis, "check_libraries", lambda: libraries)
        monkeypatch.setattr(diagnosis, "inspect_machine", lambda: machine)
        monkeypatch.setattr(diagnosis, "_check_storage", lambda out: storage)
        return diagnose("x", {})

    return diagnosed


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diagnosis, "check_libraries", lambda: SOUND)


# What is found


def test_all_is_well(made_up: Any) -> None:
    diagnosis = made_up()
    assert (diagnosis.problems, diagnosis.warnings, diagnosis.exit_code) == ([], [], 0)


@pytest.mark.parametrize(
    "changed, problem",
    [
        ({"libraries": [Library(name="soxr", error="ImportError: no")]}, "soxr cannot be imported: ImportError: no"),
        ({"libraries": [Library(name="worker", error="ended by signal 11")]}, "a worker cannot work: ended by signal"),
        (
            {"storage": replace(STORAGE, promises=[FileSystemTest(name="locks", kept=False, detail="not refused")])},
            "/data, locks: not refused",
        ),
    ],
)
def test_problems_end_with_4(made_up: Any, changed: dict[str, Any], problem: str) -> None:
    diagnosis = made_up(**changed)
    assert len(diagnosis.problems) == 1
    assert diagnosis.problems[0].startswith(problem)
    assert diagnosis.exit_code == 4
    said = list(lines(diagnosis))
    assert said[-1] == "1 problem: melcli may fail or lose work here"
    assert any("BROKEN: " in line for line in said)


def storage_with(**changes: Any) -> dict[str, Storage]:
    return {"storage": replace(STORAGE, **changes)}


def names_with(**changes: Any) -> dict[str, Storage]:
    assert STORAGE.names is not None
    return storage_with(names=replace(STORAGE.names, **changes))


@pytest.mark.parametrize(
    "changed, warning",
    [
        (
            {"libraries": [Library(name="s", versions={"s": "1"}, codecs={"MP3": False, "FLAC": True, "Opus": False})]},
            "libsndfile was built without MP3, Opus",
        ),
        (
            {"machine": replace(MACHINE, memory_limit_bytes=500_000_000)},
            "500 MB of memory are enough for about 3 workers, but extract starts 8 by default: use -j 3",
        ),
        ({"machine": replace(MACHINE, open_files=64)}, "a limit of 64 open files is low for 8 workers"),
        ({"machine": replace(MACHINE, file_size_bytes=4096)}, "files are limited to 4.10 kB"),
        (storage_with(mount=Mount(kind="nfs4", point="/data", read_only=False)), "/data is a network file system"),
        (storage_with(space=Space(free_bytes=5, block_bytes=1, free_files=None)), "/data has only 5 bytes free"),
        (storage_with(space=Space(free_bytes=10**12, block_bytes=1, free_files=7)), "/data has only 7 free inodes"),
        (names_with(longest_bytes=143), "/data limits names to 143 bytes"),
        (names_with(any_bytes=False), "/data refuses names that are not UTF-8"),
        (names_with(tells_case=False), "/data does not distinguish upper and lower case"),
        (names_with(tells_form=False), "/data does not distinguish composed and decomposed accents"),
    ],
)
def test_warnings_end_with_0(made_up: Any, changed: dict[str, Any], warning: str) -> None:
    diagnosis = made_up(**changed)
    assert len(diagnosis.warnings) == 1
    assert diagnosis.warnings[0].startswith(warning)
    assert diagnosis.exit_code == 0
    assert list(lines(diagnosis))[-1] == "no problems found"


# Where OUT is


def test_an_out_that_is_not_there_is_tried_in_the_folder_above(quick: None, tmp_path: Path) -> None:
    before = os.listdir(tmp_path)
    diagnosis = diagnose(str(tmp_path / "x" / "y"), {"click": "8.3.0"})
    assert diagnosis.storage.tested == str(tmp_path)
    assert diagnosis.problems == []
    assert any(library.versions == {"click": "8.3.0"} for library in diagnosis.libraries)
    assert os.listdir(tmp_path) == before


@pytest.mark.parametrize("name", ["file", "file/out", "link", "link/out"])
def test_a_file_in_the_way_is_a_problem(quick: None, tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("nowhere")
    diagnosis = diagnose(str(tmp_path / name), {})
    where = tmp_path / name.partition("/")[0]
    assert diagnosis.problems == [f"{tmp_path}, writing: {where} is not a folder"]
    assert diagnosis.storage.names is None


def test_a_folder_that_cannot_be_written_is_a_problem(
    quick: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: Any, **options: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "mkdir", refuse)
    assert diagnose(str(tmp_path), {}).problems == [f"{tmp_path}, writing: Permission denied"]


def test_a_working_folder_that_is_gone(quick: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    with pytest.raises(ConfigError, match="the working folder does not exist"):
        diagnose(".", {})


# How it is told


def test_the_lines_fit_a_terminal_and_the_object_a_program(made_up: Any) -> None:
    diagnosis = made_up(storage=replace(STORAGE, mount=Mount(kind="fuse.sshfs", point="/mnt", read_only=True)))
    said = list(lines(diagnosis))
    assert all(len(line) <= 80 for line in said)
    assert any(line.startswith("processors    8 of 64 usable, affinity 32, quota 7.5") for line in said)
    assert any(line.startswith("OUT           /data/out, does not exist; /data") for line in said)
    assert "file system   fuse.sshfs on /mnt, read-only" in said
    assert "soundfile     0.14.0, libsndfile 9.9.9 with FLAC" in said
    plain = json.loads(json.dumps(diagnosis.to_json(), allow_nan=False))
    assert plain["exit_code"] == 0
    assert plain["storage"]["space"]["free_bytes"] == 10**12
    assert plain["warnings"] == diagnosis.warnings


def test_names_are_escaped(made_up: Any) -> None:
    odd = "/a\x1b[31m\nb\udcff"
    storage = replace(
        STORAGE,
        out=f"{odd}/out",
        tested=odd,
        mount=Mount(kind="nfs", point=odd, read_only=False),
        promises=[FileSystemTest(name="locks", kept=False, detail="no")],
    )
    check_printed("\n".join(lines(made_up(storage=storage))))
