"""Every format that ffmpeg can make: the samples are those of ffmpeg alone, bit for bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from melcli.audio.decode import AudioFile, measure
from melcli.errors import AudioError
from tests.audio.ffmpeg.media import FILES, MEDIA, decoded, make
from tests.audio.ffmpeg.shorten_bytes import shorten
from tests.tiers import full_but

NAMES = [name for name, _, _ in MEDIA]
MADE = {name: (arguments, format_) for name, arguments, format_ in MEDIA}


def read(path: Path, **options: object) -> tuple[AudioFile, np.ndarray]:
    with AudioFile(str(path), **options) as file:
        blocks = list(file.blocks())
    return file, np.concatenate(blocks)


@pytest.mark.parametrize("name", full_but(NAMES, "aac.m4a", "opus.webm", "alac.caf", "pcm.mov"))
def test_the_samples_are_those_of_ffmpeg(ffmpeg: str, tmp_path: Path, name: str) -> None:
    arguments, format_ = MADE[name]
    path = make(tmp_path / name, *arguments, channels=2)
    expected = decoded(ffmpeg, path)
    file, samples = read(path, decoder="ffmpeg")
    assert file.format == f"ffmpeg/{format_}"
    assert samples.tobytes() == expected
    assert (file.num_channels, "truncated" in file.flags) == (2, False)
    assert 0.9 <= len(samples) / file.sampling_rate <= 1.2
    again, automatic = read(path)
    if again.format == file.format:  # or libsndfile reads it
        assert automatic.tobytes() == samples.tobytes()
    rate_hz, num_samples, num_channels = measure(str(path), decoder="ffmpeg")
    assert (rate_hz, num_channels) == (file.sampling_rate, 2)
    assert abs(num_samples - len(samples)) < 0.2 * rate_hz
    assert measure(str(path), decoder="ffmpeg", is_rough=True)[0] == rate_hz


@pytest.mark.parametrize(
    "name, format_, rate_hz, num_samples",
    [("tone.amr", "amr/amr_nb", 8000, 3200), ("tone.mpc", "mpc8/musepack8", 44100, 13824)],
)
def test_formats_that_ffmpeg_cannot_make(ffmpeg: str, name: str, format_: str, rate_hz: int, num_samples: int) -> None:
    file, samples = read(FILES / name)
    assert (file.format, file.sampling_rate) == (f"ffmpeg/{format_}", rate_hz)
    assert samples.tobytes() == decoded(ffmpeg, FILES / name)
    assert abs(len(samples) - num_samples) <= 1152


def test_shorten(ffmpeg: str, tmp_path: Path) -> None:
    signal = np.random.default_rng(0).integers(-3000, 3000, 2560).astype(np.int16)
    path = tmp_path / "a.shn"
    path.write_bytes(shorten(signal, rate_hz=16_000))
    file, samples = read(path)
    assert (file.format, file.sampling_rate) == ("ffmpeg/shn/shorten", 16_000)
    np.testing.assert_array_equal(samples[:, 0] * 32768, signal)


@pytest.mark.parametrize("coding, dtype", [("pcm_f32le", "float32"), ("pcm_f64le", "float64")])
def test_double_precision_keeps_all_bits(ffmpeg: str, tmp_path: Path, coding: str, dtype: str) -> None:
    path = make(tmp_path / "a.mov", "-c:a", "pcm_s32le")
    _, samples = read(path, dtype=dtype, decoder="ffmpeg")
    assert samples.dtype == dtype
    assert samples.tobytes() == decoded(ffmpeg, path, coding=coding)


def test_libsndfile_alone_refuses_them(ffmpeg: str, tmp_path: Path) -> None:
    path = make(tmp_path / "a.m4a", "-c:a", "aac")
    with pytest.raises(AudioError, match="libsndfile does not read; convert it: ffmpeg -i") as refused:
        read(path, decoder="libsndfile")
    assert refused.value.reason == "unsupported_format"


def test_libsndfile_decodes_what_it_supports(ffmpeg: str, tmp_path: Path) -> None:
    path = make(tmp_path / "a.wav", "-c:a", "pcm_s16le")
    automatic, samples = read(path)
    asked, same = read(path, decoder="ffmpeg")
    assert (automatic.format, asked.format) == ("wav/pcm_16", "ffmpeg/wav/pcm_s16le")
    assert samples.tobytes() == same.tobytes()


@pytest.mark.parametrize("name", ["aac.m4a", "alac.m4a", "pcm.mov"])
def test_the_header_of_mp4_is_measured_without_ffmpeg(
    ffmpeg: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    path = make(tmp_path / name, *MADE[name][0], channels=2)
    monkeypatch.setenv("MELCLI_FFMPEG", "/bin/false")
    rate_hz, num_samples, num_channels = measure(str(path), is_rough=True)
    assert (rate_hz, num_channels) == (16_000, 2)
    assert abs(num_samples - 16_000) < 2048
    with pytest.raises(AudioError):
        measure(str(path))
