"""Files that become much more than they are, and headers that claim much more than there is.

Row of the faults: bombs.  What a worker holds stays bounded, whatever a file claims or becomes; a limit that the user
sets ends it as `too_long` or `out_of_memory`.
"""

from __future__ import annotations

import io
import json
import os
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from melcli.errors import REASONS
from melcli.threads import ONE_THREAD
from tests.cli.shell import run_alone
from tests.elapsed import Stopwatch, run
from tests.faults.damaged_sounds import flac_frames, in_memory, silent_flac, with_length
from tests.faults.loops import Tally, loop
from tests.run.corpus import LIGHT, encode, noise, plant, rows
from tests.run.invariants import check_finished
from tests.tiers import full_but

MOST_MB = 512  # of a worker
CALM_MB = 300  # in which a worker does all of these but the widest
SOON_S = 20.0  # in which what is refused is refused

# Long features of few numbers: what is asked is what decoding takes.
SPARSE = ("sampling_rate=8000", "fft_length=512", "sequence_stride=4096", "num_mel_bins=20")


def _do(source: Path, out: Path, *sets: str, limit_s: float = SOON_S) -> dict[str, Any]:
    """Do one file as a worker does; return its row and ``peak_mb``."""
    command = [sys.executable, "-m", "tests.run.one_batch", str(source), str(out), *sets]
    environment = {**os.environ, **ONE_THREAD}
    ended = run(command, limit_s, env=environment, text=True)
    assert ended.returncode == 0, ended.stderr
    told: dict[str, Any] = json.loads(ended.stdout)
    return told


# what is a great deal


@pytest.mark.full
@loop(default=20, quick=40, soak=1_000)
def test_silence_in_flac(rounds: int, tally: Tally) -> None:
    """A megabyte of FLAC that becomes gigabytes; a round is a million samples."""
    frames = rounds * 1_000_000 // 65_535
    content = silent_flac(frames)
    with in_memory() as folder:
        (folder / "a.flac").write_bytes(content)
        told = _do(folder / "a.flac", folder / "out", *SPARSE, limit_s=600)
        stored = len(list((folder / "out").rglob("*.npy")))
    tally.count(rounds)
    tally.note(f"{len(content):,} bytes became {frames * 65_535 * 4 / 1e9:.1f} GB; peak {told['peak_mb']:.0f} MB")
    assert told["status"] == "ok"
    assert told["num_frames"] == pytest.approx(frames * 65_535 / 4096, abs=2)
    assert stored == 1
    assert told["peak_mb"] < CALM_MB


def _wav_up(rate_hz: int, samples: int) -> bytes:
    return encode(noise(0, seconds=samples / 8_000)[:samples], ".wav", rate_hz=rate_hz, subtype="PCM_U8")


@pytest.mark.full
@pytest.mark.parametrize("resampler", full_but(["soxr_hq", "soxr_vhq", "polyphase"], "soxr_hq", "polyphase"))
def test_the_steepest_way_up(tmp_path: Path, resampler: str) -> None:
    """Each sample becomes 1,024."""
    (tmp_path / "a.wav").write_bytes(_wav_up(750, 20_000))
    sets = ("sampling_rate=768000", "fft_length=512", "sequence_stride=16384", "num_mel_bins=20", "num_mel_bins=4")
    told = _do(tmp_path / "a.wav", tmp_path / "out", *sets, f"audio.resampler={resampler}", limit_s=120)
    assert told["status"] == "ok"
    assert told["num_frames"] == pytest.approx(20_000 * 1024 / 16_384, abs=2)
    assert told["peak_mb"] < CALM_MB


@pytest.mark.few(1)
@pytest.mark.parametrize("rate_hz", [1, 749])
def test_ways_that_are_too_steep(tmp_path: Path, rate_hz: int) -> None:
    (tmp_path / "a.wav").write_bytes(_wav_up(rate_hz, 20_000))
    told = _do(tmp_path / "a.wav", tmp_path / "out", "sampling_rate=768000", "fft_length=512")
    assert (told["status"], told["reason"]) == ("failed", "bad_rate")
    assert told["peak_mb"] < CALM_MB


# what is only claimed


def _at(content: bytes, tag: bytes, offset: int) -> int:
    return content.index(tag) + offset


def _wav_of_4_gb() -> bytes:
    content = encode(noise(0), ".wav")
    return with_length(content, _at(content, b"data", 4), 4, 2**32 - 2**20, "<")


def _wav_without_an_end() -> bytes:
    content = encode(noise(0), ".wav")
    return with_length(content, _at(content, b"data", 4), 4, 2**32 - 1, "<")


def _container(name: str) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, noise(0), 8_000, format=name, subtype="PCM_16")
    return file.getvalue()


def _w64(claim: int) -> bytes:
    content = _container("W64")
    return with_length(content, _at(content, b"data", 16), 8, claim, "<")


def _caf(claim: int) -> bytes:
    content = _container("CAF")
    return with_length(content, _at(content, b"data", 4), 8, claim, ">")


def _rf64(claim: int) -> bytes:
    content = _container("RF64")
    content = with_length(content, _at(content, b"data", 4), 4, 2**32 - 1, "<")
    content = with_length(content, _at(content, b"ds64", 16), 8, claim, "<")
    return with_length(content, _at(content, b"ds64", 24), 8, claim, "<")


def _aiff_of_2_billion_samples() -> bytes:
    content = _container("AIFF")
    content = with_length(content, _at(content, b"COMM", 10), 4, 2**31 - 1, ">")
    return with_length(content, _at(content, b"SSND", 4), 4, 2**31 - 100, ">")


def _au_of_4_gb() -> bytes:
    return with_length(_container("AU"), 8, 4, 2**32 - 2**20, ">")


def _nist(samples: int) -> bytes:
    content = _container("NIST")
    old = b"sample_count -i 2000\n"
    new = b"sample_count -i %d\n" % samples
    assert old in content
    return content.replace(old, new).replace(b"end_head\n" + b"\n" * (len(new) - len(old)), b"end_head\n", 1)


def _frames(samples: int) -> Callable[[], bytes]:
    return lambda: silent_flac(3, claim=samples)


CLAIMS: dict[str, Callable[[], bytes]] = {
    "FLAC of 2**36 - 1 samples": _frames(2**36 - 1),
    "FLAC of 2**35 samples": _frames(2**35),
    "FLAC of unknown length": _frames(0),
    "FLAC of fewer samples": lambda: silent_flac(2_000, claim=70_000),
    "WAV of 4 GB": _wav_of_4_gb,
    "WAV without an end": _wav_without_an_end,
    "W64 of 2**63 - 1 bytes": lambda: _w64(2**63 - 1),
    "W64 of 2**64 - 1 bytes": lambda: _w64(2**64 - 1),
    "W64 of 2**40 bytes": lambda: _w64(2**40),
    "CAF of 2**63 - 1 bytes": lambda: _caf(2**63 - 1),
    "CAF of 2**40 bytes": lambda: _caf(2**40),
    "RF64 of 2**63 - 1 bytes": lambda: _rf64(2**63 - 1),
    "RF64 of 2**40 bytes": lambda: _rf64(2**40),
    "AIFF of 2**31 - 1 samples": _aiff_of_2_billion_samples,
    "AU of 4 GB": _au_of_4_gb,
    "NIST of 10**18 samples": lambda: _nist(10**17),
}
DEFAULT_CLAIMS = ("FLAC of unknown length", "WAV of 4 GB", "W64 of 2**40 bytes", "CAF of 2**63 - 1 bytes")
OPEN_ENDED = {"FLAC of unknown length", "WAV without an end"}


@pytest.mark.few(1)
@pytest.mark.parametrize("claim", full_but(CLAIMS, *DEFAULT_CLAIMS))
def test_claims(tmp_path: Path, claim: str) -> None:
    """Nothing is allocated by a claim, and what does not come out is missing."""
    path = tmp_path / ("a." + claim.split()[0].lower())
    path.write_bytes(CLAIMS[claim]())
    told = _do(path, tmp_path / "out", *SPARSE)
    assert told["peak_mb"] < CALM_MB
    if claim in OPEN_ENDED:
        assert told["status"] == "ok"
    elif told["status"] == "failed":
        assert told["reason"] in {"truncated", "unsupported_format", "unreadable"}
    else:  # a container may say "until the end" by such a number; then all of the audio has to be there
        assert told["num_frames"] == 2000 // 4096 + 1
        assert claim.split()[0] in {"W64", "CAF", "RF64", "AIFF"}


# what is wide


@pytest.mark.full
@pytest.mark.parametrize(
    "channels, codec, taken",
    [
        (1024, ("WAV", "PCM_16"), "mix"),
        (1024, ("WAV", "PCM_16"), "each"),
        (1024, ("CAF", "PCM_16"), "7"),
        (255, ("OGG", "VORBIS"), "mix"),
    ],
)
def test_as_many_channels_as_there_can_be(tmp_path: Path, channels: int, codec: tuple[str, str], taken: str) -> None:
    format_, subtype = codec
    path = tmp_path / f"a.{format_.lower()}"
    with soundfile.SoundFile(path, "w", 8_000, channels, subtype, format=format_) as file:
        for _ in range(4):
            file.write(np.zeros((500, channels)))
    sets = ("sampling_rate=8000", "fft_length=512", "sequence_stride=256", "num_mel_bins=20")
    told = _do(path, tmp_path / "out", *sets, f"audio.channels={taken}", limit_s=120)
    assert told["status"] == "ok"
    assert told["num_rows"] == (channels if taken == "each" else 1)
    assert told["peak_mb"] < MOST_MB


@pytest.mark.few(1)
@pytest.mark.parametrize("channels", full_but([0, 1025, 4096, 65_535], 0, 1025))
def test_more_channels_than_that(tmp_path: Path, channels: int) -> None:
    head = struct.pack(
        "<4sI4s4sIHHIIHH4sI", b"RIFF", 2**20 + 36, b"WAVE", b"fmt ", 16, 1, channels, 8_000, 0, 0, 16, b"data", 2**20
    )
    (tmp_path / "a.wav").write_bytes(head + bytes(2**20))
    told = _do(tmp_path / "a.wav", tmp_path / "out", *SPARSE)
    assert told["status"] == "failed"
    assert told["reason"] in REASONS
    assert told["reason"] != "internal"
    assert told["peak_mb"] < CALM_MB


def _vorbis_silence(path: Path, channels: int, seconds: int) -> None:
    with soundfile.SoundFile(path, "w", 8_000, channels, "VORBIS", format="OGG") as file:
        block = np.zeros((2_000, channels), np.float32)
        for _ in range(seconds * 4):
            file.write(block)


@pytest.mark.full
@pytest.mark.parametrize("seconds", [pytest.param(1, id="quick"), pytest.param(120, id="soak", marks=pytest.mark.soak)])
def test_wide_and_long(seconds: int, tally: Tally) -> None:
    """255 channels of silence in an Ogg file, each an output of its own."""
    with in_memory() as folder:
        _vorbis_silence(folder / "a.ogg", 255, seconds)
        sets = ("sampling_rate=8000", "fft_length=512", "sequence_stride=64", "num_mel_bins=80", "audio.channels=each")
        told = _do(folder / "a.ogg", folder / "out", *sets, limit_s=900)
        size = (folder / "a.ogg").stat().st_size
    samples = seconds * 8_000 * 255
    tally.count(1)
    tally.note(f"{size:,} bytes became {samples * 4 / 1e9:.1f} GB of samples; peak {told['peak_mb']:.0f} MB")
    assert told["status"] == "ok"
    assert told["peak_mb"] < MOST_MB


# limits that the user sets


@pytest.mark.full
@pytest.mark.parametrize("format_", full_but(["npy", "hdf5"], "npy"))
def test_max_duration(tmp_path: Path, format_: str) -> None:
    """What claims to be longer is not decoded, what turns out to be longer is stopped, and neighbors are done."""
    plant(tmp_path / "in", "short.wav", seconds=0.2)
    (tmp_path / "in" / "long.flac").write_bytes(silent_flac(20_000))
    (tmp_path / "in" / "unknown.flac").write_bytes(silent_flac(20_000, claim=0))
    (tmp_path / "in" / "claims.flac").write_bytes(silent_flac(2, claim=2**36 - 1))
    watch = Stopwatch()
    end = run_alone("extract", tmp_path / "in", *LIGHT, "-f", format_, "--max-duration", "60", out=tmp_path / "out")
    assert watch.quiet_s < SOON_S
    assert end.code == 3
    found = {name: row["reason"] for name, row in rows(tmp_path / "out").items()}
    assert found.pop("claims") in {"too_long", "truncated"}
    assert found == {"short": None, "long": "too_long", "unknown": "too_long"}
    check_finished(tmp_path / "out")


def test_the_frames_of_silence_are_flac() -> None:
    """Every number of a frame, up to those that take four bytes, is read."""
    for frames in (1, 130, 2_100):
        signal, rate_hz = soundfile.read(io.BytesIO(silent_flac(frames, blocks=16)))
        assert (len(signal), rate_hz) == (16 * frames, 8_000)
        assert not signal.any()
    assert len(flac_frames(70_000, 16)) > 70_000
