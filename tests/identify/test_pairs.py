"""Pairs of audio and features, and what several of them decide together."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from melcli.errors import ConfigError, NoInput
from melcli.identify.pairs import MAX_PAIRS, read_pairs
from melcli.identify.search import identify
from tests.identify.sounds import KNOWN, RATE_HZ, made, speech

FEW = {config: KNOWN[config] for config in ("keras", "librosa", "hifigan")}


def plant(folder: Path, names: list[str]) -> None:
    for name in names:
        (folder / "audio").mkdir(exist_ok=True)
        (folder / "features").mkdir(exist_ok=True)
        (folder / "audio" / f"{name}.wav").write_bytes(b"")
        np.save(folder / "features" / f"{name}.npy", np.eye(5))


@pytest.mark.parametrize("paths", [["a.wav"], ["a.wav", "b.wav", "a.npy"]])
def test_what_is_no_pair_is_refused(paths: list[str]) -> None:
    with pytest.raises(ConfigError, match=f"{len(paths)} paths are not pairs"):
        read_pairs(paths)


def test_audio_files_come_first_and_then_their_features(tmp_path: Path) -> None:
    plant(tmp_path, ["a", "b"])
    paths = [str(tmp_path / place) for place in ("audio/a.wav", "audio/b.wav", "features/a.npy", "features/b.npy")]
    assert [(pair.audio, pair.where) for pair in read_pairs(paths)] == [(paths[0], paths[2]), (paths[1], paths[3])]


def test_two_folders_are_paired_by_name(tmp_path: Path) -> None:
    plant(tmp_path, [f"{number:02d}" for number in range(MAX_PAIRS + 2)])
    (tmp_path / "features" / "01.npy").unlink()
    pairs = read_pairs([str(tmp_path / "audio"), str(tmp_path / "features")])
    assert [Path(pair.audio).stem for pair in pairs] == ["00", *(f"{number:02d}" for number in range(2, MAX_PAIRS + 1))]


def test_folders_without_a_common_name_are_refused(tmp_path: Path) -> None:
    plant(tmp_path, ["a"])
    (tmp_path / "audio" / "a.wav").rename(tmp_path / "audio" / "b.wav")
    with pytest.raises(NoInput, match="have no name in common"):
        read_pairs([str(tmp_path / "audio"), str(tmp_path / "features")])


def test_a_second_pair_decides_what_one_clip_cannot(clip: Path, tmp_path: Path) -> None:
    options = replace(KNOWN["hifigan"], sampling_rate=RATE_HZ, mean=-5.8123, std=4.3017)
    soundfile.write(tmp_path / "other.wav", speech() * 0.3, RATE_HZ, subtype="PCM_16")
    more = [(str(tmp_path / "other.wav"), made(tmp_path / "other.wav", options))]
    alone = identify(str(clip), made(clip, options), known=FEW)
    both = identify(str(clip), made(clip, options), known=FEW, more=more)
    assert (alone.certainty, both.certainty) == ("undecided", "exact")
    assert both.options == alone.options
