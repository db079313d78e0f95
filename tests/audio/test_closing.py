"""A sound file that is refused is closed at once, also while its error is held."""

from __future__ import annotations

import errno
import random

import pytest

from melcli.audio.decode import AudioFile, measure
from melcli.audio.load import load_audio
from melcli.audio.options import AudioOptions
from melcli.audio.regular_file import open_regular
from melcli.errors import AudioError
from tests.audio.sounds import music, write
from tests.open_files import collector_off, error_of, num_open_files

ROUNDS = 40


@pytest.mark.few(1)
@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg", "a.mp3", "a.aiff"])
def test_a_damaged_sound_is_closed_while_its_error_is_held(tmp_path, name):
    path = write(tmp_path / name, music(3_000))
    good = path.read_bytes()
    chance, held = random.Random(name), []
    with collector_off():
        before = num_open_files()
        for number in range(ROUNDS):
            content = bytearray(good[: chance.randrange(len(good))] if number % 4 == 0 else good)
            for _ in range(8):
                if content:
                    content[chance.randrange(min(len(content), 60))] = chance.randrange(256)
            path.write_bytes(content)
            for call in (
                lambda: load_audio(str(path), AudioOptions(), sampling_rate=16_000),
                lambda: measure(str(path)),
            ):
                held.append(error_of(call, (AudioError, MemoryError, OSError)))
                assert num_open_files() == before, f"open after {held[-1]}"
    assert sum(error is not None for error in held) > ROUNDS // 4


def broken(_):
    raise OSError(errno.EIO, "broken")


def test_a_sound_is_closed_where_something_fails_after_the_opening(tmp_path, monkeypatch):
    path = str(write(tmp_path / "a.wav", music(100)))
    with collector_off():
        before = num_open_files()
        with monkeypatch.context() as patch:
            patch.setattr("melcli.audio.decode.Scan", lambda _: 1 // 0)
            held = [error_of(lambda: AudioFile(path), ZeroDivisionError)]
        with monkeypatch.context() as patch:
            patch.setattr("melcli.audio.regular_file.os.fstat", broken)
            held.append(error_of(lambda: open_regular(path), AudioError))
        assert None not in held
        assert num_open_files() == before
