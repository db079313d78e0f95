"""Decodes what soundfile and ffmpeg write with melcli, soundfile and ffmpeg, and keeps how they differ.

    pip install imageio-ffmpeg
    python docs/measure_decoding.py          # writes docs/decoding.json; about 10 minutes
    python docs/write_decoding.py            # writes docs/decoding.md from it

Every container and coding that the two can write is written with 1, 2 and 6 channels and at six rates, with an odd
number of samples.  What they cannot write is left out.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import imageio_ffmpeg
import numpy as np
import soundfile

from melcli.audio.decode import AudioFile
from melcli.audio.formats import EXTENSIONS
from melcli.errors import AudioError
from melcli.version import __version__

JSON = Path(__file__).with_name("decoding.json")
FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()
CHANNELS = (1, 2, 6)
RATES_HZ = (8_000, 16_000, 22_050, 44_100, 48_000, 96_000)
SECONDS = 0.7
MAX_SHIFT = 4_000  # samples; encoders delay by 2,500 at most

_PCM = ("pcm_s16", "pcm_s24", "pcm_s32", "pcm_f32", "pcm_f64")
_WAV = ("pcm_u8", *(f"{name}le" for name in _PCM), "pcm_mulaw", "pcm_alaw", "adpcm_ms", "adpcm_ima_wav")
_BIG_ENDIAN = ("pcm_s8", *(f"{name}be" for name in _PCM), "pcm_mulaw", "pcm_alaw")
_RF64 = ("-rf64", "always", "-f", "wav")
# What ffmpeg's writers of these containers take: the coding, and the arguments that make it.
FFMPEG_CASES: dict[str, dict[str, tuple[str, ...]]] = {
    "wav": {
        codec: (codec,)
        for codec in (*_WAV, "adpcm_yamaha", "g722", "g726", "libmp3lame", "mp2", "aac", "ac3", "wmav2", "adpcm_swf")
    },
    "rf64": {codec: (codec, *_RF64) for codec in _WAV},
    "w64": {codec: (codec,) for codec in _WAV},
    "aiff": {codec: (codec,) for codec in (*_BIG_ENDIAN, "adpcm_ima_qt")},
    "au": {codec: (codec,) for codec in (*_BIG_ENDIAN, "g722", "g726le")},
    "caf": {codec: (codec,) for codec in (*_BIG_ENDIAN, "pcm_s16le", "alac", "adpcm_ima_qt", "aac", "libopus", "flac")},
    "flac": {"16 bits": ("flac", "-sample_fmt", "s16"), "24 bits": ("flac", "-sample_fmt", "s32")},
    "ogg": {
        "libvorbis": ("libvorbis",),
        "vorbis (ffmpeg's own)": ("vorbis", "-strict", "experimental"),
        "libopus": ("libopus",),
        "opus (ffmpeg's own)": ("opus", "-strict", "experimental"),
        "flac": ("flac",),
    },
    "mp3": {
        "libmp3lame, 64 kbit/s": ("libmp3lame", "-b:a", "64k"),
        "libmp3lame, variable": ("libmp3lame", "-q:a", "4"),
        "libmp3lame, no Xing tag": ("libmp3lame", "-write_xing", "0"),
    },
    "mp2": {"mp2": ("mp2",), "libtwolame": ("libtwolame",)},
}


class Sound(NamedTuple):
    """What a decoder made of a file: samples ``(samples, channels)`` and their rate, or why it refuses."""

    samples: np.ndarray = np.empty((0, 0), np.float32)
    rate_hz: int = 0
    refusal: str = ""


class Case(NamedTuple):
    """A file to write; ``arguments`` of ffmpeg."""

    writer: str
    container: str
    coding: str
    channels: int
    rate_hz: int
    arguments: tuple[str, ...] = ()


def cases() -> Iterator[Case]:
    """Yield what to try."""
    for channels, rate_hz in product(CHANNELS, RATES_HZ):
        for container in EXTENSIONS:
            for coding in soundfile.available_subtypes(container):
                yield Case("soundfile", container, coding, channels, rate_hz)
        for container, kinds in FFMPEG_CASES.items():
            for coding, arguments in kinds.items():
                yield Case("ffmpeg", container, coding, channels, rate_hz, arguments)


def signal(channels: int, rate_hz: int) -> np.ndarray:
    """Sweeps and noise, with low tones that pass a channel for low frequencies; other in each channel."""
    num_samples = round(SECONDS * rate_hz) + 1
    time = np.arange(num_samples)[:, np.newaxis] / rate_hz
    number = 1 + np.arange(channels)
    noise = np.random.default_rng(channels).standard_normal((num_samples, channels))
    low = np.sin(2 * np.pi * (35 + 9 * number) * time * (1 + 0.2 * time))
    high = np.sin(2 * np.pi * (300 * number * time + 400 * time**2))
    return 0.25 * low + 0.2 * high + 0.01 * noise


def write(case: Case, path: Path) -> bool:
    """Write a file; False where the writer does not take the case."""
    samples = signal(case.channels, case.rate_hz)
    if case.writer == "soundfile":
        try:
            with soundfile.SoundFile(
                path, "w", case.rate_hz, case.channels, case.coding, format=case.container
            ) as file:
                for start in range(0, len(samples), 4096):
                    file.write(samples[start : start + 4096])
        except (soundfile.LibsndfileError, ValueError):
            return False
        return True
    raw = ["-f", "f64le", "-ar", str(case.rate_hz), "-ac", str(case.channels), "-i", "-"]
    made = _run([*raw, "-c:a", *case.arguments, str(path)], samples.astype("<f8").tobytes())
    output = _audio_line(made.stderr)
    is_as_wanted = output is not None and output[:2] == (case.rate_hz, case.channels)
    return made.returncode == 0 and is_as_wanted and path.stat().st_size > 0


def decode_by_melcli(path: Path, **options: Any) -> Sound:
    """Decode with melcli."""
    try:
        with AudioFile(str(path), decoder="libsndfile", **options) as file:
            blocks = list(file.blocks())
            return Sound(np.concatenate(blocks), file.sampling_rate)
    except AudioError as error:
        return Sound(refusal=f"{error.reason}: {error.message.partition(';')[0]}")


def decode_by_soundfile(path: Path) -> Sound:
    """Decode with one plain call of soundfile."""
    try:
        return Sound(*soundfile.read(path, dtype="float32", always_2d=True))
    except (soundfile.LibsndfileError, RuntimeError, MemoryError, ValueError) as error:
        return Sound(refusal=type(error).__name__)


def decode_by_ffmpeg(path: Path, *options: str) -> Sound:
    """Decode with ffmpeg, without resampling or mixing."""
    made = _run([*options, "-i", str(path), "-map", "0:a:0", "-c:a", "pcm_f32le", "-f", "f32le", "-"])
    line = _audio_line(made.stderr)
    if made.returncode or line is None or not made.stdout:
        return Sound(refusal="refused")
    rate_hz, channels = line
    return Sound(np.frombuffer(made.stdout, "<f4").reshape(-1, channels), rate_hz)


def _run(arguments: list[str], data: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    command = [FFMPEG, "-hide_banner", "-nostats", "-y", *arguments]
    return subprocess.run(command, input=data, stdin=None if data else subprocess.DEVNULL, capture_output=True)  # noqa: S603


def _audio_line(log: bytes) -> tuple[int, int] | None:
    """Find rate and channels of the output in what ffmpeg prints."""
    _, _, output = log.decode(errors="replace").partition("Output #0")
    found = re.search(r"Audio: .*?, (\d+) Hz, ([^,\n]+)", output)
    if found is None:
        return None
    layout = found[2].strip()
    counted = {"mono": 1, "stereo": 2, "5.1": 6, "5.1(side)": 6}
    return int(found[1]), counted.get(layout) or int(re.match(r"(\d*)", layout)[1] or 0)


def difference(mine: Sound, other: Sound) -> dict[str, Any]:
    """Say how another decoder's samples differ from melcli's.

    Returns
    -------
    dict
        ``longer``: samples that the other one has more.  ``shift``: samples by which the same sound comes later in it.
        ``order``: which of its channels are melcli's, where they are not in the same order.  ``largest``: the largest
        difference that is left.  ``rate_hz``: the other one's, where it differs; then nothing else is compared.
    """
    if other.rate_hz != mine.rate_hz or other.samples.shape[1] != mine.samples.shape[1]:
        return {"rate_hz": other.rate_hz, "channels": other.samples.shape[1]}
    result: dict[str, Any] = {"longer": len(other.samples) - len(mine.samples)}
    best = _compared(mine.samples, other.samples)
    order = _order(mine.samples, other.samples, best["shift"]) if best["largest"] > 0.02 else None
    if order is not None:
        best = {**_compared(mine.samples, other.samples[:, order]), "order": order}
    return {**result, **best}


def _compared(mine: np.ndarray, other: np.ndarray) -> dict[str, Any]:
    shift = _shift(mine[:, 0], other[:, 0])
    one, two = _overlap(mine, other, shift)
    return {"shift": shift, "largest": float(np.abs(one - two).max()) if len(one) else 0.0}


def _shift(mine: np.ndarray, other: np.ndarray) -> int:
    """Find by how many samples ``other`` is later: 0 if that is about as good as any."""
    size = 1 << (len(mine) + len(other)).bit_length()
    products = np.fft.irfft(np.fft.rfft(other, size) * np.conj(np.fft.rfft(mine, size)), size)
    lags = np.r_[0 : MAX_SHIFT + 1, -MAX_SHIFT:0]
    near = products[lags]
    return 0 if near[0] >= 0.9999 * near.max() else int(lags[near.argmax()])


def _overlap(mine: np.ndarray, other: np.ndarray, shift: int) -> tuple[np.ndarray, np.ndarray]:
    one, two = mine[max(0, -shift) :], other[max(0, shift) :]
    num_samples = min(len(one), len(two))
    return one[:num_samples], two[:num_samples]


def _order(mine: np.ndarray, other: np.ndarray, shift: int) -> list[int] | None:
    one, two = _overlap(mine, other, shift)
    alike = one.T @ two / (np.linalg.norm(one, axis=0)[:, np.newaxis] * np.linalg.norm(two, axis=0) + 1e-9)
    order = alike.argmax(axis=1).tolist()
    is_other_order = sorted(order) == list(range(len(order))) and order != sorted(order)
    return order if is_other_order else None


def alike(mine: Sound, source: np.ndarray) -> float:
    """Correlate with what was written: the least of all channels, in any order of them."""
    shift = _shift(source[:, 0], mine.samples[:, 0])
    one, two = _overlap(source, mine.samples, shift)
    products = one.T @ two / (np.linalg.norm(one, axis=0)[:, np.newaxis] * np.linalg.norm(two, axis=0) + 1e-9)
    return round(float(products.max(axis=1).min()), 3)


def measure(case: Case, folder: Path) -> dict[str, Any] | None:
    """Write a file and decode it thrice; None where it cannot be written."""
    path = folder / f"a.{'wav' if case.container == 'rf64' else case.container.lower()}"
    path.unlink(missing_ok=True)
    if not write(case, path):
        return None
    is_opus = case.container.lower() == "ogg" and "opus" in case.coding.lower()
    mine = decode_by_melcli(path)
    at_48_khz = decode_by_melcli(path, opus_rate=48_000) if is_opus else mine
    # ffmpeg takes its own decoder of Opus by default.
    others = {
        "soundfile": (mine, decode_by_soundfile(path)),
        "ffmpeg": (at_48_khz, decode_by_ffmpeg(path, *(("-c:a", "libopus") if is_opus else ()))),
    }
    if is_opus:
        others["ffmpeg's own"] = at_48_khz, decode_by_ffmpeg(path)
    source = signal(case.channels, case.rate_hz)
    found: dict[str, Any] = {"melcli": mine.refusal or "read"}
    for name, (ours, other) in others.items():
        both = not (ours.refusal or other.refusal)
        found[name] = difference(ours, other) if both else other.refusal or "read"
        if both and other.rate_hz == case.rate_hz:
            found[name]["alike"] = alike(other, source)
    if not mine.refusal:
        found["longer_than_source"] = len(mine.samples) - round(len(source) * mine.rate_hz / case.rate_hz)
    if mine.rate_hz == case.rate_hz:
        found["alike"] = alike(mine, source)
    return found


def merged(results: list[tuple[Case, dict[str, Any]]]) -> list[dict[str, Any]]:
    """Put the files of a writer, container and coding together that came out alike, with the ranges of their figures.

    Returns
    -------
    list of dict
        ``files``: channels and rate of each.  Figures: lowest and highest.
    """
    groups: dict[str, dict[str, Any]] = {}
    for case, result in results:
        kind = {name: _kind(value) for name, value in result.items()}
        place = {"writer": case.writer, "container": case.container.lower(), "coding": case.coding.lower()}
        group = groups.setdefault(json.dumps([place, kind]), {**place, "files": []})
        group["files"].append([case.channels, case.rate_hz])
        for name, value in result.items():
            group[name] = _widened(group.get(name), value)
    return list(groups.values())


def _kind(value: Any) -> Any:
    """Return what must agree for files to be put together."""
    if not isinstance(value, dict):
        return value if isinstance(value, str) else None
    return [sorted(value), value.get("order"), bool(value.get("longer")), value.get("largest", 0) > 2e-5]


def _widened(known: Any, value: Any) -> Any:
    if isinstance(value, dict):
        known = known or {}
        return {name: _widened(known.get(name), one) for name, one in value.items()}
    if isinstance(value, str | list):
        return value
    figure = float(f"{value:.2g}") if isinstance(value, float) and value < 0.1 else value
    low, high = known or (figure, figure)
    return [min(low, figure), max(high, figure)]


def main() -> None:
    """Measure all cases, and keep what came out."""
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        results = [(case, result) for case in cases() if (result := measure(case, Path(folder))) is not None]
    versions = {
        "melcli": __version__,
        "soundfile": soundfile.__version__,
        "libsndfile": soundfile.__libsndfile_version__,
        "ffmpeg": _run(["-version"]).stdout.decode().split()[2],
    }
    lines = ",\n".join(json.dumps(group) for group in merged(results))
    JSON.write_text(f'{{"versions": {json.dumps(versions)},\n"groups": [\n{lines}\n]}}\n', encoding="utf-8")
    print(f"{len(results)} files", file=sys.stderr)


if __name__ == "__main__":
    main()
