"""The corpora are the same everywhere, and cost a decoder what speech costs it."""

from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile

from benchmarks import corpus
from benchmarks.corpus import speech, stereo_speech


def flac_size(signal: np.ndarray, sampling_rate: int) -> float:
    """Return how large FLAC makes a signal, in parts of its 16-bit samples."""
    file = io.BytesIO()
    soundfile.write(file, signal, sampling_rate, format="FLAC")
    return len(file.getvalue()) / (2 * signal.size)


def test_the_same_seed_gives_the_same_speech():
    assert np.array_equal(speech(2.0, 16_000, seed=3), speech(2.0, 16_000, seed=3))
    assert not np.array_equal(speech(2.0, 16_000, seed=3), speech(2.0, 16_000, seed=4))


@pytest.mark.parametrize("sampling_rate", [8_000, 16_000, 22_050, 44_100])
def test_speech_is_as_long_as_asked_and_within_full_scale(sampling_rate):
    signal = speech(1.5, sampling_rate, seed=0)
    assert signal.shape == (round(1.5 * sampling_rate),)
    assert signal.dtype == np.float32
    assert 0.1 < np.abs(signal).max() < 1.0


@pytest.mark.parametrize("seed", range(3))
def test_flac_packs_it_as_it_packs_speech(seed):
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 160_000).astype(np.float32)
    assert flac_size(noise, 16_000) > 0.9
    assert flac_size(np.zeros(160_000, np.float32), 16_000) < 0.06
    assert 0.4 < flac_size(speech(10.0, 16_000, seed=seed), 16_000) < 0.75


def test_the_two_sides_differ():
    left, right = stereo_speech(1.0, 44_100, seed=0).T
    assert abs(np.corrcoef(left, right)[0, 1]) < 0.95


def test_a_corpus_is_made_once(tmp_path):
    folder = corpus.digits(tmp_path, num_files=3)
    names = [path.name for path in sorted(folder.iterdir())]
    assert names == ["00000.wav", "00001.wav", "00002.wav"]
    made = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert {path: path.stat().st_mtime_ns for path in corpus.digits(tmp_path, num_files=3).iterdir()} == made


def test_a_corpus_that_was_not_finished_is_made_anew(tmp_path):
    whole = corpus.digits(tmp_path, num_files=3)
    expected = {path.name: path.read_bytes() for path in whole.iterdir()}
    (whole / "00001.wav").write_bytes(b"cut")
    (tmp_path / "digits-3.json").unlink()  # as if a kill had come before the mark
    assert {path.name: path.read_bytes() for path in corpus.digits(tmp_path, num_files=3).iterdir()} == expected


def test_links_have_names_of_their_own_and_take_no_room(tmp_path):
    source = corpus.digits(tmp_path, num_files=2)
    paths = sorted(path for path in corpus.linked(tmp_path, "small", source, 1001).rglob("*.wav"))
    assert len({path.name for path in paths}) == 1001
    assert {path.parent.name for path in paths} == {"000", "001"}
    assert len({path.stat().st_ino for path in paths}) <= 2


@pytest.mark.full
def test_a_long_file_is_as_long_as_it_says(tmp_path):
    path = corpus.long_file(tmp_path, duration_h=1 / 60, sampling_rate=8_000, num_channels=2)
    assert (soundfile.info(path).frames, soundfile.info(path).channels) == (60 * 8_000, 2)
