"""``melcli doctor``, as a process."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.audio.ffmpeg.media import fake
from tests.cli.shell import Ended, run_alone
from tests.run.invariants import check_printed

Command = Callable[..., Ended]


@pytest.mark.full
def test_a_sound_installation(tmp_path: Path) -> None:
    ended = run_alone("doctor", tmp_path / "a\x1b[31m" / "out")
    assert (ended.code, ended.err) == (0, "")
    check_printed(ended.out)
    assert ended.out.splitlines()[-1] == "no problems found"
    assert os.listdir(tmp_path) == []


@pytest.mark.full
def test_json_is_one_object(tmp_path: Path) -> None:
    ended = run_alone("doctor", "--json", cwd=tmp_path)
    assert (ended.code, ended.err, ended.out.count("\n")) == (0, "", 1)
    told = json.loads(ended.out)
    assert told["storage"]["tested"] == str(tmp_path)
    assert {library["name"] for library in told["libraries"]} >= {"numpy", "soundfile", "worker", "click", "tqdm"}
    assert told["exit_code"] == 0


@pytest.mark.full
def test_a_library_that_crashes_is_told_and_ends_with_4(tmp_path: Path) -> None:
    (tmp_path / "lib" / "soundfile").mkdir(parents=True)
    (tmp_path / "lib" / "soundfile" / "__init__.py").write_text("import os; os.abort()")
    ended = run_alone("doctor", tmp_path, env={"PYTHONPATH": str(tmp_path / "lib")})
    assert (ended.code, ended.err) == (4, "")
    assert "soundfile     BROKEN: ended by signal 6" in ended.out
    assert ended.out.splitlines()[-1] == "2 problems: melcli may fail or lose work here"  # the worker's is the other


@pytest.mark.full
def test_an_out_in_a_file_ends_with_4(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    ended = run_alone("doctor", tmp_path / "file" / "out")
    assert (ended.code, ended.err) == (4, "")
    assert f"problem: {tmp_path}, writing:" in " ".join(ended.out.split())  # lines are broken


def test_a_working_folder_that_is_gone_is_told_as_json_too(tmp_path: Path) -> None:
    before = f"import os; os.mkdir({str(tmp_path / 'x')!r}); os.chdir({str(tmp_path / 'x')!r}); os.rmdir('../x')"
    ended = run_alone("doctor", "--json", before=before)
    assert ended.code == 2
    assert json.loads(ended.out)["exit_code"] == 2


def test_the_help_tells_the_exit_codes_and_gives_examples(melcli: Command) -> None:
    told = melcli("doctor", "-h")
    assert (told.code, told.err) == (0, "")
    assert all(len(line) <= 100 for line in told.out.splitlines())
    assert told.out.count("\n  melcli doctor") == 3


def test_ffmpeg_is_told(ffmpeg: str, melcli: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("melcli.run.doctor.diagnosis.check_libraries", list)
    told = json.loads(melcli("doctor", "--json", tmp_path).out)
    assert (told["ffmpeg"]["path"], told["ffmpeg"]["problem"]) == (ffmpeg, "")
    assert told["ffmpeg"]["version"][:1].isdigit() or told["ffmpeg"]["version"].startswith(("n", "N"))
    said = melcli("doctor", tmp_path).out
    assert f"ffmpeg        {told['ffmpeg']['version']}, {ffmpeg}" in said.replace("\n              ", " ")


def test_a_missing_or_old_ffmpeg_is_told(melcli: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("melcli.run.doctor.diagnosis.check_libraries", list)
    ended = melcli("doctor", tmp_path)
    assert ended.code == 0
    assert "ffmpeg        not found" in ended.out
    monkeypatch.setenv("MELCLI_FFMPEG", "/nowhere/ffmpeg")
    assert "warning: MELCLI_FFMPEG=/nowhere/ffmpeg is not a program" in " ".join(melcli("doctor", tmp_path).out.split())
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("MELCLI_FFMPEG", str(fake(tmp_path / "bin", version="3.4.8")))
    said = " ".join(melcli("doctor", tmp_path).out.split())
    assert "is ffmpeg 3.4.8, and melcli needs 4.2 or newer" in said
