"""Small sounds to extract, made here so that a test knows what is in them; and what a run left under OUT."""

from __future__ import annotations

import io
import json
import os
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

__all__ = ["LIGHT", "RATE_HZ", "encode", "noise", "plant", "rows", "signs", "times", "tree"]

RATE_HZ = 8_000
LIGHT = tuple(
    part
    for setting in ("sampling_rate=8000", "fft_length=512", "sequence_stride=256", "num_mel_bins=20")
    for part in ("-s", setting)
)

_FORMATS = {".wav": "WAV", ".flac": "FLAC", ".ogg": "OGG", ".mp3": "MP3", ".aiff": "AIFF", ".au": "AU", ".caf": "CAF"}


def noise(seed: int, *, seconds: float = 0.25, rate_hz: int = RATE_HZ, channels: int = 1) -> np.ndarray:
    """Make soft noise of shape ``(samples, channels)``; another seed is another sound."""
    samples = np.random.default_rng(seed).standard_normal((round(seconds * rate_hz), channels))
    return np.clip(0.1 * samples, -1.0, 1.0)


def encode(signal: np.ndarray, extension: str, *, rate_hz: int = RATE_HZ, subtype: str | None = None) -> bytes:
    """Return the bytes of an audio file."""
    file = io.BytesIO()
    soundfile.write(file, signal, rate_hz, format=_FORMATS[extension], subtype=subtype)
    return file.getvalue()


def plant(
    folder: Path, *names: str, seconds: float = 0.25, rate_hz: int = RATE_HZ, channels: int = 1, seed: int = 0
) -> list[Path]:
    """Write a sound of its own for every name, in the format of its extension."""
    paths = [folder / name for name in names]
    for path in paths:
        own_seed = seed + zlib.crc32(os.fsencode(path.name))
        signal = noise(own_seed, seconds=seconds, rate_hz=rate_hz, channels=channels)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode(signal, path.suffix, rate_hz=rate_hz))
    return paths


def tree(out: Path) -> dict[str, bytes]:
    """Return everything that a user finds under OUT: path to bytes, without OUT's own folder."""
    return {name: path.read_bytes() for name, path in _files(out).items()}


def times(out: Path) -> dict[str, tuple[int, int]]:
    """Return inode and time of last change of the same files, in which a file rewritten with equal bytes shows."""
    status = {name: path.stat() for name, path in _files(out).items()}
    return {name: (stat.st_ino, stat.st_mtime_ns) for name, stat in status.items()}


def rows(out: Path, name: str = "manifest.jsonl") -> dict[str, dict[str, Any]]:
    """Read a manifest without melcli's own reader: id to row, in the order of the file."""
    lines = [json.loads(line) for line in (out / name).read_text(encoding="ascii").splitlines()]
    found = {line["id"]: line for line in lines}
    assert len(found) == len(lines), "an id stands twice"
    return found


def signs(plan: str) -> dict[str, str]:
    """Read what ``--dry-run`` printed: id to sign."""
    return {line[2:]: line[0] for line in plan.splitlines()}


def _files(out: Path) -> dict[str, Path]:
    files = {str(path.relative_to(out)): path for path in sorted(out.rglob("*")) if path.is_file()}
    return {name: path for name, path in files.items() if not name.startswith(".melcli/")}
