"""Build WAV files byte by byte."""

from __future__ import annotations

import struct

import numpy as np

__all__ = ["RATE_HZ", "as_float", "chunk", "data_at", "extensible", "form", "noise", "wav"]

RATE_HZ = 16_000


def chunk(tag: bytes, content: bytes, claim: int | None = None) -> bytes:
    """Return a chunk with its padding; ``claim`` replaces its length field."""
    length = len(content) if claim is None else claim
    return tag + struct.pack("<I", length) + content + b"\0" * (len(content) % 2)


def wav(*chunks: bytes, magic: bytes = b"RIFF") -> bytes:
    """Return a file of chunks."""
    return magic + struct.pack("<I", 4 + sum(map(len, chunks))) + b"WAVE" + b"".join(chunks)


def form(tag: int = 1, channels: int = 1, block: int = 2, bits: int = 16, extra: bytes = b"") -> bytes:
    """Return a format chunk."""
    return chunk(b"fmt ", struct.pack("<HHIIHH", tag, channels, RATE_HZ, RATE_HZ * block, block, bits) + extra)


def extensible(tag: int, channels: int, block: int, bits: int) -> bytes:
    """Return a format chunk of WAVE_FORMAT_EXTENSIBLE."""
    guid = struct.pack("<I", tag) + bytes.fromhex("00001000800000aa00389b71")
    return form(0xFFFE, channels, block, bits, struct.pack("<HHI", 22, bits, 0) + guid)


def noise(num_samples: int, num_channels: int = 1) -> np.ndarray:
    """Return 16-bit samples, ``(samples, channels)``."""
    return np.random.default_rng(num_samples).integers(-9000, 9000, (num_samples, num_channels)).astype("<i2")


def as_float(samples: np.ndarray) -> np.ndarray:
    """Return 16-bit samples as decoded floats."""
    return (samples / 32768).astype(np.float32)


def data_at(file: bytes, name: str) -> tuple[int, int, str, int]:
    """Find the audio in a file that libsndfile wrote.

    Return its offset, the offset and format of its length field, and the difference between that length and the audio.
    """
    if name.endswith(".w64"):
        at = file.find(b"data\xf3\xac", 40)
        return at + 24, at + 16, "<Q", 24
    if name.endswith(".aiff"):
        at = file.find(b"SSND", 12)
        return at + 16, at + 4, ">I", 8
    if name.endswith(".au"):
        return int.from_bytes(file[4:8], "big"), 8, ">I", 0
    at = file.find(b"data", 12)
    return at + 8, at + 4, "<I", 0
