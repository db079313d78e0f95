"""Every file in configs/: it loads, says what it is for, and keeps its promises."""

import numpy as np
import pytest

from melcli.config.document import read_document
from melcli.config.named import config_description, display_path, named_configs
from melcli.config.resolve import Config, resolve_config
from melcli.mel.options import FeatureOptions
from melcli.mel.spectrogram import MelSpectrogram
from melcli.options import to_plain

KERAS_KEYS = {  # keras.layers.MelSpectrogram of Keras 3.15: its 13 parameters with their defaults, in its order
    "fft_length": 2048,
    "sequence_stride": 512,
    "sequence_length": None,
    "window": "hann",
    "sampling_rate": 16_000,
    "num_mel_bins": 128,
    "min_freq": 20.0,
    "max_freq": None,
    "power_to_db": True,
    "top_db": 80.0,
    "mag_exp": 2.0,
    "min_power": 1e-10,
    "ref_power": 1.0,
}

every_config = pytest.mark.parametrize("name", named_configs())


@every_config
def test_it_loads_and_makes_a_spectrogram(name):
    features = resolve_config(name).features
    mel = MelSpectrogram(**to_plain(features))(np.zeros(features.sampling_rate, features.compute_dtype))
    assert mel.shape[0] == features.num_mel_bins
    assert np.isfinite(mel).all()


@every_config
def test_its_first_line_says_what_it_is(name):
    said = config_description(named_configs()[name])
    assert 20 < len(said) <= 140
    assert said.endswith(".")


@every_config
def test_it_is_written_for_people(name):
    path = named_configs()[name]
    text = path.read_text(encoding="utf-8")
    assert text.isascii()
    assert text.endswith("\n")
    assert "\t" not in text
    assert max(map(len, text.splitlines())) <= 140
    assert len(path.relative_to(path.parents[1]).parts) == 2  # family and name


@every_config
def test_what_it_sets_has_its_origin_there(name):
    path = named_configs()[name]
    config = resolve_config(name)
    for key, setting in read_document(path.read_text(encoding="utf-8"), display_path(path)).items():
        if key != "base":
            assert config.origins[key] == setting.origin


def test_every_config_but_the_defaults_gives_other_numbers():
    identities = [resolve_config(name).config_id for name in named_configs()]
    assert len(set(identities)) == len(identities)


def test_keras_is_the_defaults_and_names_every_key_of_keras():
    path = named_configs()["keras"]
    written = read_document(path.read_text(encoding="utf-8"), "keras.yaml")
    assert {key: setting.value for key, setting in written.items()} == {
        f"features.{key}": value for key, value in KERAS_KEYS.items()
    }
    assert list(written) == [f"features.{key}" for key in KERAS_KEYS]
    assert resolve_config("keras") == resolve_config() == Config()
    assert FeatureOptions(**KERAS_KEYS) == FeatureOptions()


def test_speech_is_keras_in_the_frames_of_speech():
    speech = resolve_config("keras_speech").features
    assert (speech.sequence_length, speech.sequence_stride, speech.fft_length) == (400, 160, 512)
    assert (speech.num_mel_bins, speech.sampling_rate) == (80, 16_000)


def test_music_is_keras_at_the_rate_of_a_compact_disc():
    assert resolve_config("keras_music").features.sampling_rate == 44_100
