"""Make every sound file of this folder again: ``python sample_audio/make.py``.

Speech comes from espeak-ng, which must be installed; music from ``synth.py`` beside this script.  All is made at
44.1 kHz in stereo and then brought to each file's own rate and channels.  A second run with the same versions gives
the same bytes.  What is printed is the table of README.md.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import soundfile
import soxr
import synth
from synth import Signal

__all__ = ["SAMPLES", "Line", "Sample", "main", "table_row", "render", "write"]

FOLDER = Path(__file__).resolve().parent
PEAK = 10.0 ** (-3.0 / 20.0)  # -3 dBFS: the lossy files decode to peaks up to 0.3 dB higher, and must not clip
FADE_S = 0.01
LOWEST_HZ = 30.0  # what lies below is offset and thump
PAUSE_S = 0.12  # around each line
HUSH = 1e-3  # of a line's peak: the silence that espeak-ng leaves around it is lower
BLOCK_FRAMES = 4096  # libsndfile 1.2.2 crashes when it gets a long OGG in one call
OGG_SERIAL = 0x6D656C  # libsndfile takes one from the clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What one speaker says.

    Attributes
    ----------
    voice : str
        An espeak-ng language, and after a "+" its variant.  Version 1.51 passes over the variant in silence for
        "en-gb" and "fr-fr", but not for "en" and "fr".
    text : str
        One sentence or two.
    pan : float
        -1 is left, 1 is right.
    level : float
        The peak, with 1 for the loudest speaker.
    """

    voice: str
    text: str
    pan: float = 0.0
    level: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One file.

    Attributes
    ----------
    path : str
        Below this folder; the ending says the format.
    rate_hz, channels : int
        What the file has.
    make : callable
        Returns the sound as ``(samples, 2)`` at `synth.RATE_HZ`.
    heard : str
        The last column of the table.
    compression : float, optional
        libsndfile's level for this format: 0 is the largest file, 1 the smallest; None leaves the choice to it.
    """

    path: str
    rate_hz: int
    channels: int
    make: Callable[[], Signal]
    heard: str
    compression: float | None = None


def main() -> None:
    """Write all files and print the table."""
    print("| file | format | rate (Hz) | channels | seconds | what is heard |")
    print("|---|---|---:|---:|---:|---|")
    for sample in SAMPLES:
        path = FOLDER / sample.path
        path.parent.mkdir(exist_ok=True)
        write(path, render(sample), sample.rate_hz, sample.compression)
        print(table_row(path, sample))


def table_row(path: Path, sample: Sample) -> str:
    """Describe a written file as it is, in a row of README.md's table."""
    info = soundfile.info(path)
    cells = (f"`{sample.path}`", info.format, info.samplerate, info.channels, f"{info.duration:.2f}", sample.heard)
    return f"| {' | '.join(map(str, cells))} |"


def render(sample: Sample) -> Signal:
    """Return a sample's sound as it goes to its file: ``(frames, channels)``, peak at `PEAK`, faded at both ends."""
    sound = sample.make()
    if sample.channels == 1:
        sound = sound.mean(axis=1, keepdims=True)
    sound = without_rumble(resampled(sound, synth.RATE_HZ, sample.rate_hz), sample.rate_hz)
    ramp = np.linspace(0.0, 1.0, round(FADE_S * sample.rate_hz))[:, np.newaxis]
    sound[: len(ramp)] *= ramp
    sound[-len(ramp) :] *= ramp[::-1]
    return sound * (PEAK / float(np.abs(sound).max()))


def without_rumble(sound: Signal, rate_hz: int) -> Signal:
    """Return a sound without its offset and whatever else lies under `LOWEST_HZ`."""
    spectrum = np.fft.rfft(sound, axis=0)
    spectrum[np.fft.rfftfreq(len(sound), 1.0 / rate_hz) < LOWEST_HZ] = 0.0
    kept: Signal = np.fft.irfft(spectrum, len(sound), axis=0)
    return kept


def resampled(sound: Signal, from_hz: int, to_hz: int) -> Signal:
    """Return a sound at another rate, along its first axis."""
    result: Signal = soxr.resample(sound, from_hz, to_hz, quality="VHQ")
    return result


def converse(*lines: Line) -> Signal:
    """Say lines one after another; return ``(samples, 2)`` at `synth.RATE_HZ`."""
    pause = synth.silence(PAUSE_S)
    sounds = [pause]
    for line in lines:
        sounds += [synth.panned(line.level * say(line.voice, line.text), line.pan), pause]
    return np.concatenate(sounds)


def say(voice: str, text: str) -> Signal:
    """Let espeak-ng speak; return ``(samples,)`` at `synth.RATE_HZ`, with a peak of one and no silence around it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "said.wav")
        subprocess.run(["espeak-ng", "-v", voice, "-w", path, text], check=True)  # noqa: S603, S607  by hand only
        speech, rate_hz = soundfile.read(path)
    speech /= np.abs(speech).max()
    loud = np.flatnonzero(np.abs(speech) > HUSH)
    return resampled(speech[loud[0] : loud[-1] + 1], rate_hz, synth.RATE_HZ)


def write(path: Path, sound: Signal, rate_hz: int, compression: float | None) -> None:
    """Write ``(frames, channels)`` in the format that the path's ending names."""
    with soundfile.SoundFile(path, "w", rate_hz, sound.shape[1], compression_level=compression) as file:
        for start in range(0, len(sound), BLOCK_FRAMES):
            file.write(sound[start : start + BLOCK_FRAMES])
    if path.suffix == ".ogg":
        path.write_bytes(with_serial(path.read_bytes(), OGG_SERIAL))


def with_serial(ogg: bytes, serial: int) -> bytes:
    """Return an Ogg stream with another serial number on each page, so that the same sound gives the same bytes."""
    pages, start = [], 0
    while start < len(ogg):
        lacing = 27 + ogg[start + 26]  # the header's fixed part, then one length for each segment
        stop = start + lacing + sum(ogg[start + 27 : start + lacing])
        page = bytearray(ogg[start:stop])
        page[14:18] = serial.to_bytes(4, "little")
        page[22:26] = bytes(4)  # the checksum is taken with zeros in its own place
        page[22:26] = ogg_checksum(page).to_bytes(4, "little")
        pages.append(page)
        start = stop
    return b"".join(pages)


def ogg_checksum(page: bytes | bytearray) -> int:
    """Return Ogg's CRC-32: highest bit first, from zero, not inverted; zlib's is none of these."""
    checksum = 0
    for byte in page:
        checksum ^= byte << 24
        for _ in range(8):
            checksum = (checksum << 1) ^ (0x104C11DB7 if checksum & 0x80000000 else 0)
    return checksum


ENGLISH = (
    Line(voice="en+whisper", text="Whisper, and the needle sleeps.", level=0.3),
    Line(voice="en+f2", text="Sing, and it leaps!"),
)
GERMAN = (Line(voice="de+m3", text="Wie laut ist es? Sechzig Dezibel."),)
FRENCH = (Line(voice="fr+f4", text="Même dans le silence, on entend battre son cœur."),)
DIALOGUE = (
    Line(voice="en+f3", text="Which note is this?", pan=-0.8),
    Line(voice="en-gb-scotland+m2", text="Four hundred and forty hertz: an A.", pan=0.8),
)

SAMPLES = (
    Sample(
        path="speech/english.flac",
        rate_hz=16_000,
        channels=1,
        make=partial(converse, *ENGLISH),
        heard='whispered, "Whisper, and the needle sleeps."; then aloud, "Sing, and it leaps!"',
    ),
    Sample(
        path="speech/german.wav",
        rate_hz=8_000,
        channels=1,
        make=partial(converse, *GERMAN),
        heard='"Wie laut ist es? Sechzig Dezibel." (How loud is it? Sixty decibels.)',
    ),
    Sample(
        path="speech/french.mp3",
        rate_hz=16_000,
        channels=1,
        make=partial(converse, *FRENCH),
        heard='"Même dans le silence, on entend battre son cœur." (Even in silence one hears one\'s heart beat.)',
        compression=0.7,
    ),
    Sample(
        path="speech/dialogue.ogg",
        rate_hz=16_000,
        channels=2,
        make=partial(converse, *DIALOGUE),
        heard='left, "Which note is this?"; right, "Four hundred and forty hertz: an A."',
        compression=0.8,
    ),
    Sample(
        path="music/night_train.ogg",
        rate_hz=44_100,
        channels=2,
        make=synth.night_train,
        heard="whistle, harp, bass, drum, shaker and chimes: D minor that comes home in D major",
        compression=0.85,
    ),
    Sample(
        path="music/tempo_canon.mp3",
        rate_hz=44_100,
        channels=2,
        make=synth.tempo_canon,
        heard="two marimbas, left and right: four themes against five, which end as one",
        compression=0.85,
    ),
    Sample(
        path="music/church_bell.flac",
        rate_hz=44_100,
        channels=1,
        make=synth.church_bell,
        heard="one stroke of a bell on A4, with the warble of its close partials",
    ),
)


if __name__ == "__main__":
    main()
