"""A folder as people have it: every format, many rates, damaged files, and things that are no audio."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from melcli import MelSpectrogram, open_features
from melcli.audio.load import load_audio
from melcli.audio.options import AudioOptions
from melcli.config.resolve import resolve_config
from melcli.options import to_plain
from tests.cli.shell import Ended, run_alone
from tests.run.corpus import encode, noise, rows
from tests.run.invariants import check_finished, check_printed

# Extension, rate in Hz, channels, subtype.
GOOD: Mapping[str, tuple[str, int, int, str | None]] = {
    "wav/8k_mono": (".wav", 8_000, 1, None),
    "wav/48k_stereo_24": (".wav", 48_000, 2, "PCM_24"),
    "wav/96k_float": (".wav", 96_000, 1, "FLOAT"),
    "wav/11k_u8": (".wav", 11_025, 1, "PCM_U8"),
    "flac/44k_stereo": (".flac", 44_100, 2, None),
    "flac/16k_mono": (".flac", 16_000, 1, None),
    "ogg/22k_stereo": (".ogg", 22_050, 2, None),
    "ogg/opus_48k": (".ogg", 48_000, 1, "OPUS"),
    "mp3/32k_mono": (".mp3", 32_000, 1, None),
    "mp3/44k_stereo": (".mp3", 44_100, 2, None),
    "more/aiff": (".aiff", 16_000, 1, None),
    "more/au": (".au", 16_000, 1, None),
    "more/caf": (".caf", 24_000, 1, None),
}
BAD = {
    "bad/empty.wav": ("empty", "the file has 0 bytes"),
    "bad/text.wav": ("unsupported_format", "it looks like text"),
    "bad/cut.wav": ("truncated", "the header claims 16,000 bytes of audio"),
    "bad/torn.flac": ("truncated", "the file ends inside a frame"),
    "bad/nan.wav": ("nonfinite", "are NaN or infinite"),
    "bad/no_samples.wav": ("empty", "no samples"),
    "bad/gone.wav": ("vanished", "the file does not exist"),
    "bad/short.wav": ("too_short", "one sample at 16000 Hz"),
}
SETTINGS = ("-c", "keras_speech", "-s", "fft_length=512", "-s", "num_mel_bins=20")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mixed")
    for number, (name, (extension, rate_hz, channels, subtype)) in enumerate(GOOD.items()):
        path = (folder / name).with_suffix(extension)
        path.parent.mkdir(exist_ok=True)
        signal = noise(number, seconds=0.6, rate_hz=rate_hz, channels=channels)
        path.write_bytes(encode(signal, extension, rate_hz=rate_hz, subtype=subtype))

    bad = folder / "bad"
    bad.mkdir()
    whole = noise(100, seconds=0.5, rate_hz=16_000)
    (bad / "empty.wav").write_bytes(b"")
    (bad / "text.wav").write_text("This is a note about a recording.\n")
    (bad / "cut.wav").write_bytes(encode(whole, ".wav", rate_hz=16_000)[:10_000])
    (bad / "torn.flac").write_bytes(encode(whole, ".flac", rate_hz=16_000)[:6_000])
    with_nan = whole.copy()
    with_nan[1000] = np.nan
    (bad / "nan.wav").write_bytes(encode(with_nan, ".wav", rate_hz=16_000, subtype="FLOAT"))
    (bad / "no_samples.wav").write_bytes(encode(whole[:0], ".wav", rate_hz=16_000))
    (bad / "short.wav").write_bytes(encode(whole[:2], ".wav", rate_hz=96_000))
    (bad / "gone.wav").symlink_to("never was")
    (bad / "folder_link.wav").symlink_to(folder)
    (folder / "README.txt").write_text("What this folder is.")
    (folder / "._8k_mono.wav").write_bytes(b"what macOS leaves")
    return folder


@pytest.fixture(scope="module")
def run(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Ended, Path]:
    out = tmp_path_factory.mktemp("features")
    return run_alone("extract", folder, *SETTINGS, out=out), out


@pytest.mark.full
def test_it_ends_with_3_and_says_what_it_passed_over(run: tuple[Ended, Path]) -> None:
    ended, out = run
    assert (ended.code, ended.out) == (3, "")
    assert ended.err.splitlines()[0] == "skipped 3: 1 hidden, 1 link to a folder, 1 other (.txt 1)"
    assert ended.last_line.startswith(f"{len(GOOD)} ok  {len(BAD)} failed  ")
    check_printed(ended.err)
    check_finished(out)


@pytest.mark.parametrize("name", list(BAD))
def test_every_bad_file_is_named_with_its_own_reason(run: tuple[Ended, Path], folder: Path, name: str) -> None:
    ended, out = run
    reason, words = BAD[name]
    source = str(folder / name)
    (row,) = [row for row in rows(out, "failures.jsonl").values() if row["source"] == source]
    assert row["reason"] == reason
    assert row["message"].startswith(f"{source}: ")
    assert words in row["message"]
    assert f"failed: {row['message']} [{reason}]" in ended.err.splitlines()


@pytest.mark.parametrize("name", list(GOOD))
def test_every_good_file_is_right(run: tuple[Ended, Path], folder: Path, name: str) -> None:
    _, out = run
    extension, rate_hz, channels, _ = GOOD[name]
    source = str((folder / name).with_suffix(extension))
    config = resolve_config("keras_speech", sets=[setting for setting in SETTINGS if "=" in setting])
    audio = load_audio(source, AudioOptions(), sampling_rate=16_000)
    expected = MelSpectrogram(**to_plain(config.features))(audio.signals[0])
    np.testing.assert_array_equal(open_features(out)[name], expected)
    row: dict[str, Any] = rows(out)[name]
    assert (row["source"], row["source_sampling_rate"], row["source_channels"]) == (source, rate_hz, channels)
    assert row["duration"] == pytest.approx(0.6, abs=0.1)  # MP3 and Opus add a little
    assert row["max"] > row["min"]


def test_the_bad_files_change_nothing_for_the_good_ones(
    melcli: Callable[..., Ended], run: tuple[Ended, Path], folder: Path, tmp_path: Path
) -> None:
    _, out = run
    assert melcli("extract", folder, *SETTINGS, "--exclude", "bad", "-o", tmp_path / "out").code == 0
    good = {item_id: row for item_id, row in rows(out).items() if row["status"] == "ok"}
    assert rows(tmp_path / "out") == good
