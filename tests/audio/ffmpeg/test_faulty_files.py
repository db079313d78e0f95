"""Files that are damaged, truncated, empty, encrypted or hostile: each is named, and none reads another file."""

from __future__ import annotations

import os
import random
from pathlib import Path

import numpy as np
import pytest

from melcli.audio.decode import AudioFile
from melcli.errors import AudioError
from tests.audio.ffmpeg.media import MEDIA, make, run_ffmpeg
from tests.messages import names
from tests.tiers import full_but

ARGUMENTS = {name: arguments for name, arguments, _ in MEDIA}
# A frame of MP2 in a transport stream, and the streams of 4.2's build for tests, prove nothing about truncation.
CUT = [name for name in ARGUMENTS if name not in ("mp2.ts", "aac.flv")]
RAW = ("dts.dts", "eac3.eac3", "aac.aac")
WITH_CHECKS = ["aac.m4a", "tta.tta", "flac.mkv", "aac.aac", "ac3.ac3"]
VIDEO = ("-f", "lavfi", "-i", "testsrc=duration=2:size=64x64:rate=5")


def failure(path: Path, **options: object) -> AudioError:
    with pytest.raises(AudioError) as raised, AudioFile(str(path), **options) as file:
        for _ in file.blocks():
            pass
    return raised.value


def read(path: Path, **options: object) -> tuple[AudioFile, np.ndarray]:
    with AudioFile(str(path), **options) as file:
        blocks = list(file.blocks())
    return file, np.concatenate(blocks)


@pytest.mark.parametrize("name", full_but(CUT, "aac.m4a", "faststart.m4a", "opus.webm", "wavpack.wv"))
@pytest.mark.parametrize("share", [0.55, 0.97])
def test_a_truncated_file_is_named(ffmpeg: str, tmp_path: Path, name: str, share: float) -> None:
    path = make(tmp_path / name, *ARGUMENTS[name], seconds=3)
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    error = failure(path, decoder="ffmpeg")
    # Raw frames and fragments have no header that says how many follow: the last frame is damaged, or incomplete.
    assert error.reason == "truncated" or (error.reason == "unreadable" and name in RAW)


@pytest.mark.parametrize("name", ["faststart.m4a", "opus.webm", "flac.mkv"])
def test_a_truncated_file_can_be_kept(ffmpeg: str, tmp_path: Path, name: str) -> None:
    path = make(tmp_path / name, *ARGUMENTS[name], seconds=3)
    _, all_samples = read(path)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    file, samples = read(path, truncated="keep")
    assert "truncated" in file.flags
    assert 0.5 < len(samples) / file.sampling_rate < 2.5
    np.testing.assert_array_equal(samples, all_samples[: len(samples)])


@pytest.mark.parametrize("name", full_but(WITH_CHECKS, "aac.m4a", "tta.tta"))
def test_damage_that_a_decoder_can_see_is_named(ffmpeg: str, tmp_path: Path, name: str) -> None:
    path = make(tmp_path / name, *ARGUMENTS[name], seconds=3)
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 400] = random.Random(1).randbytes(400)
    path.write_bytes(data)
    error = failure(path)
    assert error.reason == "unreadable"
    assert "damaged" in error.message
    assert "0x" not in error.stderr


def test_a_failure_has_the_messages_of_ffmpeg(ffmpeg: str, tmp_path: Path) -> None:
    path = make(tmp_path / "a.aac", "-c:a", "aac", seconds=3)
    data = bytearray(path.read_bytes())
    data[len(data) // 2 :][:400] = bytes(400)
    path.write_bytes(bytes(data[: len(data) // 2]) + random.Random(1).randbytes(300) + bytes(data[len(data) // 2 :]))
    error = failure(path)
    assert "[error]" in error.stderr
    assert "\n" not in error.stderr


def test_a_video_without_audio(ffmpeg: str, tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    run_ffmpeg(*VIDEO, path)
    error = failure(path)
    assert error.reason == "empty"
    assert error.message == "this mov file has no audio stream"


def test_the_audio_of_a_video(ffmpeg: str, tmp_path: Path) -> None:
    """It may be shorter than the video, which is no truncation."""
    for name in ("a.mp4", "a.mkv"):
        path = make(tmp_path / name, "-map", "1:v", "-map", "0:a", "-c:a", "aac", inputs=VIDEO, seconds=1)
        file, samples = read(path)
        assert 0.99 <= len(samples) / file.sampling_rate <= 1.2
        assert "more_streams" not in file.flags


def test_several_streams(ffmpeg: str, tmp_path: Path) -> None:
    path = make(
        tmp_path / "a.mka",
        *("-map", "0:a", "-map", "1:a", "-c:a", "flac"),
        inputs=("-f", "lavfi", "-i", "sine=frequency=440:duration=2:sample_rate=8000"),
    )
    file, first = read(path)
    assert (file.sampling_rate, "more_streams" in file.flags) == (16_000, True)
    file, second = read(path, stream=1)
    assert (file.sampling_rate, len(second)) == (8_000, 16_000)
    assert not np.array_equal(first[:100], second[:100])
    error = failure(path, stream=2)
    assert error.reason == "unsupported_format"
    assert error.message == "audio.stream=2 does not exist: it has 2 audio streams (flac, flac)"


def test_libsndfile_has_one_stream(ffmpeg: str, tmp_path: Path) -> None:
    path = make(tmp_path / "a.wav", "-c:a", "pcm_s16le")
    for decoder in ("auto", "libsndfile", "ffmpeg"):
        error = failure(path, stream=1, decoder=decoder)
        assert error.reason == "unsupported_format"
        assert names(error.message, "audio.stream=1", "1 audio stream")


@pytest.mark.parametrize("coding", [b"enca", b"drms"])
def test_encrypted_audio(ffmpeg: str, tmp_path: Path, coding: bytes) -> None:
    path = make(tmp_path / "a.m4a", "-c:a", "aac")
    data = path.read_bytes()
    assert data.count(b"mp4a") == 1
    path.write_bytes(data.replace(b"mp4a", coding))
    error = failure(path)
    assert error.reason == "unsupported_format"
    assert "encrypted" in error.message


def test_a_rate_that_changes_is_not_resampled(ffmpeg: str, tmp_path: Path) -> None:
    parts = [make(tmp_path / f"{rate}.aac", "-ar", str(rate), "-c:a", "aac", seconds=2) for rate in (16_000, 32_000)]
    path = tmp_path / "a.aac"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    assert failure(path).reason in ("unreadable", "unsupported_format")


# Hostile files: what they refer to is never read.

SECRET = b"\xff\xf1" + b"secret"


def test_a_playlist_reads_no_other_file(ffmpeg: str, tmp_path: Path) -> None:
    secret = make(tmp_path / "secret.ts", "-c:a", "aac", "-f", "mpegts")
    playlists = {
        "hls.m4a": f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{secret}\n#EXT-X-ENDLIST\n",
        "concat.m4a": f"ffconcat version 1.0\nfile '{secret}'\n",
        "dash.mp4": f"<?xml version='1.0'?><MPD><Period><BaseURL>{secret}</BaseURL></Period></MPD>",
        "sdp.m4a": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nm=audio 5004 RTP/AVP 0\n",
    }
    for name, text in playlists.items():
        path = tmp_path / name
        path.write_text(text)
        for decoder in ("auto", "ffmpeg"):
            error = failure(path, decoder=decoder)
            assert error.reason in ("unsupported_format", "unreadable"), (name, error)


def test_a_playlist_behind_bytes_that_are_no_text(ffmpeg: str, tmp_path: Path) -> None:
    secret = make(tmp_path / "secret.ts", "-c:a", "aac", "-f", "mpegts")
    path = tmp_path / "a.m4a"
    path.write_bytes(f"#EXTM3U\n#EXTINF:9,\n{secret}\n#EXT-X-ENDLIST\n".encode() + b"\xff\xfe\0\1")
    assert failure(path).reason == "unsupported_format"


@pytest.mark.parametrize("name", ["-i.m4a", "a\nb.m4a", "concat:a.m4a", "%d.m4a", "a'\"$(x) .m4a", "file:a.m4a"])
def test_names_are_only_names(ffmpeg: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    make(tmp_path / "good.m4a", "-c:a", "aac").rename(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    file, samples = read(Path(name))
    assert len(samples) >= file.sampling_rate
    (tmp_path / name).write_bytes(b"\0\0\0\x20ftypM4A \0\0\2\0" + bytes(range(256)))
    assert "\n" not in failure(Path(name)).stderr


def test_a_name_that_is_not_unicode(ffmpeg: str, tmp_path: Path) -> None:
    path = make(tmp_path / "good.m4a", "-c:a", "aac")
    other = os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe.m4a")
    path.rename(other)
    assert len(read(Path(other))[1]) >= 16_000
