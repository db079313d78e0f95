"""Media files that the ffmpeg on PATH makes, and programs that behave like an ffmpeg with a fault."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest

from tests.elapsed import run

__all__ = ["FILES", "MEDIA", "decoded", "fake", "make", "run_ffmpeg"]

FILES = Path(__file__).with_name("files")
RATE_HZ = 16_000
SECONDS = 1.0

# Name of the file, arguments of the encoder, container and coding in ffmpeg's terms.
MEDIA: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("aac.m4a", ("-c:a", "aac"), "mov/aac"),
    ("faststart.m4a", ("-c:a", "aac", "-movflags", "+faststart"), "mov/aac"),
    ("fragments.mp4", ("-c:a", "aac", "-movflags", "frag_keyframe+empty_moov"), "mov/aac"),
    ("alac.m4a", ("-c:a", "alac"), "mov/alac"),
    ("aac.mp4", ("-c:a", "aac"), "mov/aac"),
    ("pcm.mov", ("-c:a", "pcm_s24le"), "mov/pcm_s24le"),
    ("aac.3gp", ("-c:a", "aac"), "mov/aac"),
    ("flac.mkv", ("-c:a", "flac"), "matroska/flac"),
    ("aac.mka", ("-c:a", "aac"), "matroska/aac"),
    ("opus.webm", ("-c:a", "libopus"), "matroska/opus"),
    ("vorbis.webm", ("-c:a", "libvorbis"), "matroska/vorbis"),
    ("wmav2.wma", ("-c:a", "wmav2"), "asf/wmav2"),
    ("wavpack.wv", ("-c:a", "wavpack"), "wv/wavpack"),
    ("tta.tta", ("-c:a", "tta"), "tta/tta"),
    ("ac3.ac3", ("-c:a", "ac3", "-ar", "32000"), "ac3/ac3"),
    ("eac3.eac3", ("-c:a", "eac3", "-ar", "32000"), "eac3/eac3"),
    ("dts.dts", ("-c:a", "dca", "-strict", "-2", "-ar", "48000"), "dts/dts"),
    ("aac.aac", ("-c:a", "aac"), "aac/aac"),
    ("flac.oga", ("-c:a", "flac"), "ogg/flac"),
    ("speex.spx", ("-c:a", "libspeex"), "ogg/speex"),
    ("ima.caf", ("-c:a", "adpcm_ima_qt"), "caf/adpcm_ima_qt"),
    ("alac.caf", ("-c:a", "alac"), "caf/alac"),
    ("mp3.avi", ("-c:a", "libmp3lame"), "avi/mp3"),
    ("mp2.ts", ("-c:a", "mp2"), "mpegts/mp2"),
    ("aac.flv", ("-c:a", "aac", "-ar", "44100"), "flv/aac"),
)


@lru_cache
def _encoders(program: str) -> str:
    return subprocess.run([program, "-hide_banner", "-encoders"], capture_output=True, text=True, check=True).stdout


def run_ffmpeg(*arguments: str | Path, program: str | None = None) -> bytes:
    """Run ffmpeg, and return its standard output."""
    command = [program or str(shutil.which("ffmpeg")), "-nostdin", "-v", "error", "-y", *map(str, arguments)]
    done = run(command)
    if done.returncode < 0:
        pytest.skip(f"this ffmpeg itself is ended by signal {-done.returncode}")
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def make(path: Path, *arguments: str, inputs: Sequence[str] = (), seconds: float = SECONDS, channels: int = 1) -> Path:
    """Encode noise with ffmpeg; a test is skipped if it has no such encoder.

    Parameters
    ----------
    path : Path
    *arguments
        Arguments of the encoder.
    inputs : sequence of str
        Arguments for more inputs, such as a video.
    seconds : float
    channels : int
    """
    encoder = arguments[arguments.index("-c:a") + 1] if "-c:a" in arguments else ""
    if f" {encoder} " not in _encoders(str(shutil.which("ffmpeg"))) and encoder:
        pytest.skip(f"this ffmpeg has no encoder {encoder}")
    noise = path.with_name("noise.raw")
    samples = np.random.default_rng(7).standard_normal((round(seconds * RATE_HZ), channels)) * 3000
    noise.write_bytes(samples.astype("<i2").tobytes())
    raw = ("-f", "s16le", "-ar", str(RATE_HZ), "-ac", str(channels), "-i", noise)
    run_ffmpeg(*raw, *inputs, *arguments, path)
    noise.unlink()
    return path


def decoded(program: str, path: Path, *, stream: int = 0, coding: str = "pcm_f32le") -> bytes:
    """Return the samples that this ffmpeg decodes, without any other option."""
    return run_ffmpeg("-i", path, "-map", f"0:a:{stream}", "-c:a", coding, "-f", coding[4:], "-", program=program)


def fake(folder: Path, *body: str, version: str = "5.1.9", banner: bool = True) -> Path:
    """Write a program that prints a version and then runs lines of Python.

    The lines have the modules ``os``, ``signal``, ``sys`` and ``time``, and a function ``header(channels, rate)`` that
    writes the head of a WAV file.
    """
    path = folder / "ffmpeg"
    lines = [
        f"#!{sys.executable} -IS",
        "import os, signal, struct, sys, time",
        "if '-version' in sys.argv:",
        f"    print('ffmpeg version {version} Copyright')" if banner else "    pass",
        "    sys.exit()",
        f"print('[info] ffmpeg version {version} Copyright', file=sys.stderr, flush=True)" if banner else "",
        "def header(channels=1, rate=8000):",
        "    fmt = struct.pack('<HHIIHH', 3, channels, rate, 4 * channels * rate, 4 * channels, 32)",
        "    write(b'RIFF\\xff\\xff\\xff\\xffWAVEfmt ' + struct.pack('<I', 16) + fmt + b'data\\xff\\xff\\xff\\xff')",
        "def write(data):",
        "    sys.stdout.buffer.write(data)",
        "    sys.stdout.buffer.flush()",
        *body,
    ]
    path.write_text("\n".join(lines) + "\n")
    path.chmod(0o755)
    return path
