"""Codings that melcli does not read are refused under their names."""

from __future__ import annotations

import struct

import pytest

from melcli.audio.decode import AudioFile, measure
from melcli.errors import AudioError
from tests.audio.sounds import music, write


def failure(path) -> AudioError:
    with pytest.raises(AudioError) as caught:
        AudioFile(str(path))
    with pytest.raises(AudioError):
        measure(str(path))
    return caught.value


@pytest.mark.parametrize(
    "code, name",
    [
        *((b"ima4", "IMA4 ADPCM"), (b"aac ", "AAC"), (b"aach", "AAC"), (b"opus", "Opus"), (b".mp3", "MP3")),
        *((b"agsm", "GSM 6.10"), (b"x\0yz", "the coding 'x\\x00yz'")),
    ],
)
@pytest.mark.parametrize("cut", [0, 100])
def test_caf(tmp_path, code, name, cut):
    path = write(tmp_path / "a.caf", music(1_000))
    data = path.read_bytes().replace(b"lpcm", code)
    path.write_bytes(data[: len(data) - cut])
    assert str(failure(path)) == (
        f"unsupported_format: this CAF file holds {name}, which melcli does not read; "
        f"convert it: ffmpeg -i {path} {path}.flac"
    )


def test_alac_in_caf_as_ffmpeg_writes_it(tmp_path):
    """It leaves the flags at 0 that tell libsndfile the number of bits; of libsndfile itself it is read."""
    path = write(tmp_path / "a.caf", music(1_000), 16_000, "ALAC_16")
    data = bytearray(path.read_bytes())
    at = data.find(b"alac")
    data[at + 4 : at + 8] = bytes(4)
    path.write_bytes(data)
    assert failure(path).message.startswith("this CAF file holds ALAC in an unknown form, which")


@pytest.mark.parametrize("code, name", [(b"MAC6", "MACE 6:1"), (b"G722", "G.722 ADPCM"), (b"QDM2", "QDesign Music 2")])
def test_aiff(tmp_path, code, name):
    path = write(tmp_path / "a.aiff", music(1_000), 16_000, "ULAW")
    path.write_bytes(path.read_bytes().replace(b"ulaw", code, 1))
    assert failure(path).message.startswith(f"this AIFF file holds {name}, which melcli does not read; ")


@pytest.mark.parametrize("name", ["a.wav", "a.w64"])
def test_wav_and_w64(tmp_path, name):
    path = write(tmp_path / name, music(1_000))
    data = bytearray(path.read_bytes())
    at = data.find(b"fmt ") + (24 if name == "a.w64" else 8)
    struct.pack_into("<H", data, at, 0x161)
    path.write_bytes(data)
    assert "holds Windows Media Audio, which melcli does not read" in failure(path).message
