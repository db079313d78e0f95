"""Which ffmpeg is used, and what is said where there is none, or one that is too old."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from melcli.audio.ffmpeg import program as module
from melcli.audio.ffmpeg.program import condition, environment, locate, problem_of, program, refuse_unusable
from melcli.errors import ConfigError
from tests.audio.ffmpeg.media import fake
from tests.messages import names


def test_the_variable_comes_before_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bin").mkdir()
    on_path, other = fake(tmp_path / "bin"), fake(tmp_path, version="7.1")
    monkeypatch.setenv("PATH", os.pathsep.join([str(tmp_path / "empty"), str(tmp_path / "bin")]))
    monkeypatch.delenv("MELCLI_FFMPEG")
    assert locate() == str(on_path)
    monkeypatch.setenv("MELCLI_FFMPEG", str(other))
    assert locate() == str(other)
    assert condition("auto") == condition("ffmpeg") == "ffmpeg=7.1"
    assert condition("libsndfile") is None
    monkeypatch.setenv("MELCLI_FFMPEG", "ffmpeg")
    assert locate() == str(on_path)
    for nothing in ("", str(tmp_path), str(tmp_path / "missing"), "missing"):
        monkeypatch.setenv("MELCLI_FFMPEG", nothing)
        assert (locate(), program(), condition("auto")) == (None, None, None)


def test_another_program_under_the_same_path_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = fake(tmp_path)
    monkeypatch.setenv("MELCLI_FFMPEG", str(path))
    assert condition("auto") == "ffmpeg=5.1.9"
    path.unlink()
    fake(tmp_path, version="6.0.1-longer")
    assert condition("auto") == "ffmpeg=6.0.1-longer"


@pytest.mark.parametrize("version", ["4.2", "4.2.2-static", "5.1.9-0+deb12u1", "n9.0.2-17-g2a", "N-109-g1", "10.0"])
def test_versions_that_are_used(version: str) -> None:
    assert problem_of("/bin/ffmpeg", version) == ""


@pytest.mark.parametrize("version", ["0.11", "3.4.8", "4.1.9", "n4.1"])
def test_an_old_version_is_named_in_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    path = fake(tmp_path, version=version)
    monkeypatch.setenv("MELCLI_FFMPEG", str(path))
    assert condition("auto") is None
    refuse_unusable("auto")
    with pytest.raises(ConfigError) as refused:
        refuse_unusable("ffmpeg")
    assert str(refused.value) == (f"audio.decoder=ffmpeg: {path} is ffmpeg {version}, and melcli needs 4.2 or newer")


def test_a_program_that_is_no_ffmpeg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MELCLI_FFMPEG", str(fake(tmp_path, banner=False)))
    with pytest.raises(ConfigError, match="does not report a version"):
        refuse_unusable("ffmpeg")
    broken = tmp_path / "broken"
    broken.write_bytes(b"\x7fELF nothing")
    broken.chmod(0o755)
    monkeypatch.setenv("MELCLI_FFMPEG", str(broken))
    with pytest.raises(ConfigError, match="cannot be started: Exec format error"):
        refuse_unusable("ffmpeg")


def test_a_program_that_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "slow"
    path.write_text("#!/bin/sh\nexec sleep 1000\n")
    path.chmod(0o755)
    monkeypatch.setattr(module, "VERSION_TIMEOUT_S", 0.2)
    monkeypatch.setenv("MELCLI_FFMPEG", str(path))
    with pytest.raises(ConfigError, match="does not report a version within"):
        refuse_unusable("ffmpeg")


def test_a_missing_program_is_refused_before_any_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MELCLI_FFMPEG", "/no\nwhere/ffmpeg")
    for decoder in ("auto", "ffmpeg"):
        with pytest.raises(ConfigError) as refused:
            refuse_unusable(decoder)
        assert names(refused.value.problem, "MELCLI_FFMPEG", "/no\\x0awhere/ffmpeg")
    refuse_unusable("libsndfile")
    monkeypatch.delenv("MELCLI_FFMPEG")
    monkeypatch.setenv("PATH", str(tmp_path))
    refuse_unusable("auto")
    with pytest.raises(ConfigError) as refused:
        refuse_unusable("ffmpeg")
    assert names(refused.value.problem, "audio.decoder=ffmpeg", "PATH")
    assert refused.value.hint == "install ffmpeg, or set MELCLI_FFMPEG to its path"


def test_settings_of_a_user_do_not_reach_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FFREPORT", "file=/tmp/x.log")
    monkeypatch.setenv("AV_LOG_FORCE_COLOR", "1")
    assert not {"FFREPORT", "AV_LOG_FORCE_COLOR"} & environment().keys()
    assert environment()["PATH"] == os.environ["PATH"]
