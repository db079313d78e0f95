"""Create audio files for the tests."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Literal

import numpy as np
import soundfile

from melcli.audio.decode import AudioFile
from melcli.audio.mpeg_header import Header

__all__ = ["LOSSLESS", "LOSSY", "decode", "flac_claiming", "frames_of", "music", "reference", "untagged", "write"]

# (file name, subtype) of everything in the contract that soundfile can write; the extension is the format.
LOSSLESS = [
    *(("a.wav", subtype) for subtype in ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW")),
    *(("a.wav", subtype) for subtype in ("IMA_ADPCM", "MS_ADPCM", "GSM610", "G721_32", "NMS_ADPCM_32")),
    *(("a.wavex", subtype) for subtype in ("PCM_16", "PCM_24", "FLOAT")),
    *(("a.rf64", subtype) for subtype in ("PCM_16", "FLOAT")),
    *(("a.w64", subtype) for subtype in ("PCM_16", "PCM_24", "MS_ADPCM")),
    *(("a.aiff", subtype) for subtype in ("PCM_S8", "PCM_16", "PCM_24", "FLOAT", "ALAW", "IMA_ADPCM")),
    *(("a.au", subtype) for subtype in ("PCM_16", "PCM_24", "DOUBLE", "ULAW", "G721_32")),
    *(("a.caf", subtype) for subtype in ("PCM_16", "PCM_24", "FLOAT", "ALAC_16", "ALAC_24")),
    *(("a.nist", subtype) for subtype in ("PCM_16", "ULAW")),
    *(("a.flac", subtype) for subtype in ("PCM_S8", "PCM_16", "PCM_24")),
]
LOSSY = [("a.ogg", "VORBIS"), ("a.ogg", "OPUS"), ("a.mp3", "MPEG_LAYER_III")]


def music(num_samples: int, num_channels: int = 1, rate_hz: int = 16_000) -> np.ndarray:
    """Tones with a little noise, well below full scale, ``(samples, channels)``."""
    noise = np.random.default_rng(num_samples).standard_normal((num_samples, num_channels))
    time = np.arange(num_samples)[:, np.newaxis] / rate_hz
    return 0.3 * np.sin(2 * np.pi * 220 * (1 + np.arange(num_channels)) * time) + 0.02 * noise


def write(path: Path, signal: np.ndarray, rate_hz: int = 16_000, subtype: str | None = None, **options: object) -> Path:
    """Write ``(samples, channels)`` in blocks, because libsndfile crashes in long writes of Ogg."""
    format_name = path.suffix[1:].upper()
    with soundfile.SoundFile(path, "w", rate_hz, signal.shape[1], subtype, format=format_name, **options) as file:
        for start in range(0, len(signal), 4096):
            file.write(signal[start : start + 4096])
    return path


def decode(path: Path, dtype: Literal["float32", "float64"] = "float32") -> tuple[np.ndarray, AudioFile]:
    """Decode with the code under test; return the whole signal, and the file after its end."""
    with AudioFile(str(path), dtype=dtype) as file:
        blocks = list(file.blocks())
    return np.concatenate(blocks), file


def reference(path: Path, dtype: str = "float32") -> np.ndarray:
    """Decode with a single call of soundfile."""
    return soundfile.read(path, dtype=dtype, always_2d=True)[0]


def flac_claiming(data: bytes, num_samples: int) -> bytes:
    """Change the 36 bits of STREAMINFO that count the samples; 0 means unknown, as in a file from a pipe."""
    (bits,) = struct.unpack(">Q", data[18:26])
    return data[:18] + struct.pack(">Q", bits >> 36 << 36 | num_samples) + data[26:]


def frames_of(mp3: bytes) -> list[int]:
    """Return the offsets of the frames of a LAME file that begins with its first frame, by the decoder's own rules."""
    offsets, at = [], 0
    while (header := Header.read(mp3, at)) is not None:
        offsets.append(at)
        at += header.frame_bytes
    return offsets


def untagged(mp3: bytes) -> bytes:
    """Overwrite LAME's tag in the first frame, which then decodes as silence."""
    for tag in (b"Xing", b"Info"):
        at = mp3.find(tag, 0, 200)
        if at > 0:
            return mp3[:at] + bytes(120) + mp3[at + 120 :]
    raise ValueError("no tag in the first frame")
