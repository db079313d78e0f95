"""`melcli.load_config` and `MelSpectrogram.from_named`."""

from __future__ import annotations

import inspect
import pickle
import re
from pathlib import Path

import numpy as np
import pytest

import melcli
from melcli.config.named_configs import named_configs
from melcli.config.resolve import resolve_config
from melcli.mel import MelSpectrogram as Core
from melcli.mel.options import FeatureOptions
from melcli.options import key_types


@pytest.mark.parametrize("name", ["keras", "whisper", "Large-V3"])
def test_a_name_or_alias_is_the_config_of_the_command(name: str) -> None:
    assert melcli.load_config(name) == resolve_config(name)


def test_a_path_is_a_file_whatever_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("mine.yaml", "whisper"):
        Path(name).write_text("features: {num_mel_bins: 33}\n")
    for path in ("mine.yaml", "./whisper", Path("mine.yaml"), Path("whisper"), tmp_path / "whisper"):
        assert melcli.load_config(path).features.num_mel_bins == 33
    assert melcli.load_config("whisper").features.num_mel_bins == 80


def test_keys_go_to_their_sections_and_say_where_they_were_set() -> None:
    config = melcli.load_config("whisper", num_mel_bins=128, channels=1, format="hdf5")
    assert (config.features.num_mel_bins, config.audio.channels, config.output.format) == (128, 1, "hdf5")
    assert config.features.sampling_rate == 16_000
    assert config == resolve_config("whisper", sets=["num_mel_bins=128", "channels=1", "format=hdf5"])
    assert config.origins["features.num_mel_bins"] == "load_config"


def test_the_environment_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MELCLI_FEATURES_NUM_MEL_BINS", "33")
    monkeypatch.setenv("MELCLI_CONFIG", "whisper")
    assert melcli.load_config() == resolve_config("keras")


@pytest.mark.parametrize(
    "name, keys, sentence",
    [
        ("wisper", {}, r"no config is called 'wisper'; did you mean 'whisper'\?"),
        ("./none.yaml", {}, r"none.yaml: cannot be read: No such file"),
        ("keras", {"n_mels": 80}, r"^load_config: unknown key 'n_mels'; did you mean 'num_mel_bins'\?"),
        ("keras", {"num_mel_bins": 0}, r"^load_config: num_mel_bins=0 must be in \[1, 4096\]"),
        ("keras", {"num_mel_bins": "80"}, r"^load_config: num_mel_bins='80' must be an integer"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(name: str, keys: dict[str, object], sentence: str) -> None:
    for load in (melcli.load_config, melcli.MelSpectrogram.from_named):
        with pytest.raises(melcli.ConfigError, match=sentence):
            load(name, **keys)


@pytest.mark.parametrize("name", ["whisper", "kaldi_mfcc"])
def test_a_spectrogram_of_a_name_has_its_features(name: str) -> None:
    compute = melcli.MelSpectrogram.from_named(name)
    assert compute.options == resolve_config(name).features
    assert type(compute) is melcli.MelSpectrogram
    assert compute == Core(**compute.get_config())


def test_a_spectrogram_of_a_name_takes_keys_and_travels() -> None:
    compute = melcli.MelSpectrogram.from_named("whisper", num_mel_bins=128)
    copy = pickle.loads(pickle.dumps(compute))
    assert copy == compute
    assert type(copy) is melcli.MelSpectrogram
    assert repr(copy).startswith("MelSpectrogram(fft_length=400, sequence_stride=160, ")
    assert melcli.MelSpectrogram.from_config(compute.get_config())(np.ones(16_000)).shape == (128, 3000)


def test_its_docstring_describes_every_key() -> None:
    described = inspect.getdoc(melcli.MelSpectrogram) or ""
    assert "{parameters}" not in described
    names = re.findall(r"^(\w+(?:, \w+)*) : ", described, re.M)
    assert {name for line in names for name in line.split(", ")} == set(key_types(FeatureOptions))


def test_every_named_config_can_be_loaded() -> None:
    assert all(melcli.load_config(name).config_id for name in named_configs())
