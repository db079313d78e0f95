"""What soundfile reads through a view."""

from __future__ import annotations

import errno
import os

import pytest

from melcli.audio.decode import AudioFile
from melcli.audio.spliced import SplicedFile
from melcli.audio.view import Extent, View
from melcli.errors import AudioError
from tests.audio.sounds import music, untagged, write

CONTENT = bytes(range(200))


@pytest.fixture
def descriptor(tmp_path):
    (tmp_path / "a").write_bytes(CONTENT)
    descriptor = os.open(tmp_path / "a", os.O_RDONLY)
    yield descriptor
    os.close(descriptor)


def read(spliced: SplicedFile, num_bytes: int) -> bytes:
    buffer = bytearray(num_bytes)
    return bytes(buffer[: spliced.readinto(buffer)])


@pytest.mark.parametrize("at_a_time", [1, 7, 64, 1000])
def test_pieces_follow_one_another(descriptor, at_a_time):
    view = View(pieces=(b"head", Extent(10, 90), b"", Extent(0, 0), b"middle", Extent(150, 50)))
    expected = b"head" + CONTENT[10:100] + b"middle" + CONTENT[150:]
    spliced = SplicedFile(descriptor, view)
    assert b"".join(iter(lambda: read(spliced, at_a_time), b"")) == expected
    assert spliced.seek(0, os.SEEK_END) == len(expected)
    for at in (0, 3, 4, 93, 94, 99, 100, len(expected) - 1):
        spliced.seek(at)
        assert read(spliced, 20) == expected[at : at + 20]
        assert spliced.tell() == min(at + 20, len(expected))


def test_the_position_in_the_file(descriptor):
    spliced = SplicedFile(descriptor, View(pieces=(b"head", Extent(10, 90), b"tail", Extent(150, 50))))
    found = {}
    for at in (0, 4, 5, 94, 98, 99, 148):
        found[at] = spliced.file_position(at)
    assert found == {0: 0, 4: 10, 5: 11, 94: 100, 98: 150, 99: 151, 148: 200}


def test_a_file_that_became_shorter_ends(descriptor):
    spliced = SplicedFile(descriptor, View(pieces=(Extent(190, 50), b"tail")))
    assert read(spliced, 100) == CONTENT[190:]
    assert read(spliced, 100) == b""


def test_it_ends_where_it_is_told_to_and_seems_to_go_on(descriptor):
    spliced = SplicedFile(descriptor, View(pieces=(Extent(0, 150),), claimed_size=10_000))
    assert spliced.seek(0, os.SEEK_END) == 10_000
    spliced.seek(-128, os.SEEK_END)
    assert read(spliced, 500) == bytes(128)
    spliced.seek(140)
    assert read(spliced, 128) == CONTENT[140:150]
    assert read(spliced, 128) == b""


def test_a_read_that_fails_is_not_taken_for_the_end(tmp_path):
    plain = tmp_path / "a.mp3"
    plain.write_bytes(untagged(write(tmp_path / "tagged.mp3", music(100_000)).read_bytes()))
    with AudioFile(str(plain)) as file:
        blocks = file.blocks()
        next(blocks)
        file._decoder._stream.spliced.error = OSError(errno.EIO, os.strerror(errno.EIO))
        with pytest.raises(AudioError) as caught:
            list(blocks)
    assert str(caught.value) == "unreadable: it cannot be read: Input/output error"


def test_an_error_is_kept_for_later(tmp_path):
    (tmp_path / "a").write_bytes(bytes(10))
    write_only = os.open(tmp_path / "a", os.O_WRONLY)
    spliced = SplicedFile(write_only, View(pieces=(Extent(0, 10),)))
    buffer = bytearray(4)
    assert spliced.readinto(buffer) == 0
    assert spliced.error is not None
    assert spliced.error.__traceback__ is None
    buffer.clear()  # raises BufferError while a view exists: the memory of libsndfile is gone after the call
    os.close(write_only)
