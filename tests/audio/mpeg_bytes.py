"""MPEG audio by LAME and built by hand, with the tags and junk that occur around it."""

from __future__ import annotations

import io

import numpy as np
import soundfile

from melcli.audio.mpeg_header import Header
from tests.audio.sounds import frames_of, music

__all__ = ["ID3V1", "ID3V2", "LYRICS3", "NOISE", "ape", "bare", "reader", "silence", "tagged", "uncounted", "vbri"]

ID3V1 = b"TAG" + bytes(125)
ID3V2 = b"ID3\x04\0\0\0\0\x02\x01" + b"\x07" * 257
LYRICS3 = b"LYRICSBEGIN" + b"la" * 1500 + b"003011LYRICS200" + ID3V1
NOISE = np.random.default_rng(1).bytes(2**20)


def ape(num_bytes: int) -> bytes:
    """Return an APEv2 tag with header and footer, and ``num_bytes`` between them."""
    size = (num_bytes + 32).to_bytes(4, "little")
    header = b"APETAGEX" + (2000).to_bytes(4, "little") + size + bytes(4) + b"\0\0\0\xa0" + bytes(8)
    footer = b"APETAGEX" + (2000).to_bytes(4, "little") + size + bytes(4) + b"\0\0\0\x80" + bytes(8)
    return header + b"\x07" * num_bytes + footer


def tagged(seconds: float = 3.0, rate_hz: int = 16_000, num_channels: int = 1, mode: str = "CONSTANT") -> bytes:
    """Encode with LAME, with its tag in the first frame."""
    file = io.BytesIO()
    signal = music(round(seconds * rate_hz), num_channels, rate_hz)
    soundfile.write(file, signal, rate_hz, format="MP3", bitrate_mode=mode, compression_level=0.5)
    return file.getvalue()


def bare(mp3: bytes) -> bytes:
    """Remove the first frame, which contains the tag."""
    return mp3[frames_of(mp3)[1] :]


def vbri(mp3: bytes) -> bytes:
    """Replace the tag by that of Fraunhofer's encoders."""
    size = frames_of(mp3)[1]
    counts = len(mp3).to_bytes(4, "big") + (len(frames_of(mp3)) - 1).to_bytes(4, "big")
    tag = mp3[:4] + bytes(32) + b"VBRI\0\1" + bytes(4) + counts
    return tag.ljust(size, b"\0") + mp3[size:]


def uncounted(mp3: bytes) -> bytes:
    """Change the tag so that it counts nothing."""
    at = mp3.find(b"Xing" if b"Xing" in mp3[:200] else b"Info") + 4
    return mp3[:at] + bytes(116) + mp3[at + 116 :]


def silence(header: bytes, num_frames: int) -> bytes:
    """Return frames of layer 1 or 2 with zeros after their four-byte header."""
    read = Header.read(header)
    assert read is not None
    return header.ljust(read.frame_bytes, b"\0") * num_frames


def reader(data: bytes):
    """Return a function like `melcli.audio.end_of_audio.Read` for bytes; as strict as pread."""

    def read(offset: int, size: int) -> bytes:
        assert offset >= 0
        assert size >= 0
        return data[offset : offset + size]

    return read
