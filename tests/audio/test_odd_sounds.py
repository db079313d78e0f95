"""Odd files of every family: those that are read, and those that are not."""

from __future__ import annotations

import pytest

from melcli.audio.decode import AudioFile
from melcli.errors import AudioError
from tests.audio.odd_sounds import OddSound, readable, refused


def read(path, truncated: str = "fail") -> AudioFile:
    with AudioFile(str(path), truncated=truncated) as file:
        for _ in file.blocks():
            pass
    return file


@pytest.mark.parametrize("sound", readable(), ids=lambda sound: sound.label)
def test_what_is_read(tmp_path, sound: OddSound):
    path = tmp_path / f"a{sound.extension}"
    path.write_bytes(sound.content)
    file = read(path)
    assert set(file.flags) <= {"silent"}
    assert file.num_samples == (sound.num_samples or file.num_samples)
    assert read(path, "keep").num_samples == file.num_samples


def test_what_is_refused(tmp_path):
    path = tmp_path / "a"
    for content in refused():
        path.write_bytes(content)
        with pytest.raises(AudioError) as caught:
            read(path)
        assert caught.value.reason in {"truncated", "unreadable", "unsupported_format", "empty", "bad_rate"}, content[
            :60
        ]
