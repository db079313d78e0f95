"""A file that seems longer than it is."""

from __future__ import annotations

import errno
import os

import pytest

from melcli.audio.decode import AudioFile
from melcli.audio.unbounded import UnboundedFile
from melcli.errors import AudioError
from tests.audio.sounds import music, untagged, write


def test_it_ends_where_it_is_told_to_and_seems_to_go_on(tmp_path):
    (tmp_path / "a").write_bytes(bytes(range(200)))
    with open(tmp_path / "a", "rb", buffering=0) as file:
        unbounded = UnboundedFile(file.fileno(), 150)
        assert unbounded.seek(0, os.SEEK_END) > 60 * 150
        unbounded.seek(-128, os.SEEK_END)
        buffer = bytearray(b"x" * 128)
        assert unbounded.readinto(buffer) == 128
        assert buffer == bytes(128)
        unbounded.seek(140)
        assert unbounded.readinto(buffer) == 10
        assert buffer[:10] == bytes(range(140, 150))
        assert unbounded.readinto(buffer) == 0


def test_a_read_that_fails_is_not_taken_for_the_end(tmp_path):
    plain = tmp_path / "a.mp3"
    plain.write_bytes(untagged(write(tmp_path / "tagged.mp3", music(100_000)).read_bytes()))
    with AudioFile(str(plain)) as file:
        blocks = file.blocks()
        next(blocks)
        file._unbounded.error = OSError(errno.EIO, os.strerror(errno.EIO))
        with pytest.raises(AudioError) as caught:
            list(blocks)
    assert str(caught.value) == "unreadable: it cannot be read: Input/output error"


def test_an_error_is_kept_for_later(tmp_path):
    (tmp_path / "a").write_bytes(bytes(10))
    write_only = os.open(tmp_path / "a", os.O_WRONLY)
    unbounded = UnboundedFile(os.dup(write_only), 10)
    os.close(write_only)
    unbounded.error = None
    assert unbounded.readinto(bytearray(4)) == 0
    assert unbounded.error is not None
    os.close(unbounded.fileno())
