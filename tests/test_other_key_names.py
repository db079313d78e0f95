"""Names of other packages: each leads to a key that exists."""

from __future__ import annotations

from dataclasses import fields

import pytest

from melcli.mel.options import FeatureOptions
from melcli.other_key_names import _KEYS, key_of_other_name

KEYS = {field.name for field in fields(FeatureOptions)}


def test_every_name_means_one_key_and_is_none_itself() -> None:
    names = [name for names in _KEYS.values() for name in names.split()]
    assert _KEYS.keys() <= KEYS
    assert len(names) == len(set(names))
    assert not KEYS & set(names)


@pytest.mark.parametrize(
    "name, key, unit",
    [
        ("hop_length", "sequence_stride", ""),  # librosa
        ("f_max", "max_freq", ""),  # torchaudio
        ("frame_step", "sequence_stride", ""),  # Keras, TensorFlow
        ("feature_size", "num_mel_bins", ""),  # transformers
        ("frame-shift", "sequence_stride", " (in samples)"),  # Kaldi, in milliseconds
        ("N-Mels", "num_mel_bins", ""),
    ],
)
def test_names_of_other_packages(name: str, key: str, unit: str) -> None:
    assert key_of_other_name(name) == (key, unit)


@pytest.mark.parametrize("name", ["", "num_mel_bins", "zzz", "n_mels_"])
def test_other_words_mean_nothing(name: str) -> None:
    assert key_of_other_name(name) is None
