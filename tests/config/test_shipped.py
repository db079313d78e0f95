"""Every file in configs/: it loads, says what it is for, and keeps its promises."""

import re
from pathlib import Path

import numpy as np
import pytest

from melcli.config.config import Config
from melcli.config.named_configs import config_labels, config_name, display_path, named_configs
from melcli.config.resolve import resolve_config
from melcli.config.yaml_document import read_document
from melcli.mel.options import KERAS_KEYS, FeatureOptions
from melcli.mel.spectrogram import MelSpectrogram
from melcli.options import to_plain

KERAS_DEFAULTS = {  # keras.layers.MelSpectrogram of Keras 3.15: its 13 parameters with their defaults, in its order
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
GOLDENS = {path.stem for path in (Path(__file__).parents[1] / "golden" / "front_ends").glob("*.npz")}
FAMILIES = {"libraries", "asr", "tts", "tagging"}
TWINS = [["hifigan", "matcha"]]  # two projects that take the same numbers

every_config = pytest.mark.parametrize("name", named_configs())


def settings_of(name):
    path = named_configs()[name]
    return read_document(path.read_text(encoding="utf-8"), display_path(path))


@every_config
def test_it_loads_and_makes_a_spectrogram(name):
    features = resolve_config(name).features
    mel = MelSpectrogram(**to_plain(features))(np.zeros(features.sampling_rate, features.compute_dtype))
    assert mel.shape[1 - features.time_axis] == features.num_features
    assert np.isfinite(mel).all()


@every_config
def test_its_first_line_says_what_it_is(name):
    said = config_labels(named_configs()[name]).description
    assert 20 < len(said) <= 140
    assert said.endswith(".")


@every_config
def test_it_says_whose_numbers_it_equals_and_what_is_not_covered(name):
    labels = config_labels(named_configs()[name])
    for text in (labels.equals, labels.numbers, labels.not_covered):
        assert len(text) > 10
        assert text.endswith(".")
    # A release, a date, or a commit where a project has no releases.
    assert re.match(r"[\w./-]+ (\d+(\.\d+)+[\w.]*|\d{6,8}|at [0-9a-f]{7}),", labels.equals)


@every_config
def test_every_comment_before_its_keys_is_one_of_the_labels(name):
    lines = named_configs()[name].read_text(encoding="utf-8").splitlines()
    comments = [line for line in lines if line.startswith("#")]
    assert comments == lines[: len(comments)]
    labels = [line for line in comments[1:] if not line.startswith("#   ")]
    order = ["# Equals: ", "# Numbers: ", "# Not covered: ", "# Also known as: ", "# Unverified: "]
    found = [order.index(re.match(r"# [A-Z][a-z ]+: ", line)[0]) for line in labels]
    assert found == sorted(set(found))


@every_config
def test_it_is_unverified_exactly_where_there_is_no_golden(name):
    assert bool(config_labels(named_configs()[name]).unverified) == (name not in GOLDENS)


def test_every_golden_has_its_config():
    assert set(named_configs()) >= GOLDENS
    assert len(GOLDENS) >= 40


@pytest.mark.few(20)
@every_config
def test_its_other_names_lead_to_it_alone(name):
    for alias in config_labels(named_configs()[name]).aliases:
        assert config_name(alias) == name
        assert config_name(alias.upper().replace("-", "_")) == name


def test_no_two_names_are_the_same_but_for_their_spelling():
    spellings = [
        re.sub(r"[-_.\s]", "", spelling).lower()
        for name, path in named_configs().items()
        for spelling in (name, *config_labels(path).aliases)
    ]
    assert sorted(spellings) == sorted(set(spellings))
    assert len(spellings) > 150


@every_config
def test_it_is_written_for_people(name):
    path = named_configs()[name]
    text = path.read_text(encoding="utf-8")
    assert text.isascii()
    assert text.endswith("\n")
    assert "\t" not in text
    assert max(map(len, text.splitlines())) <= 140
    assert len(path.relative_to(path.parents[1]).parts) == 2  # family and name
    assert path.parent.name in FAMILIES


@every_config
def test_what_it_sets_has_its_origin_there(name):
    config = resolve_config(name)
    for key, setting in settings_of(name).items():
        if key != "base":
            assert config.origins[key] == setting.origin


@pytest.mark.parametrize("name", [name for name in named_configs() if not name.startswith("keras")])
def test_it_sets_only_what_its_base_does_not(name):
    """The three of Keras's say their own numbers in full, to be copied from."""
    settings = settings_of(name)
    base = resolve_config(settings["base"].value if "base" in settings else "keras").plain()
    for key, setting in settings.items():
        if key != "base":
            section, _, inner = key.partition(".")
            assert base[section][inner] != setting.value, key


def test_every_config_gives_other_numbers_but_for_known_twins():
    names: dict[str, list[str]] = {}
    for name in named_configs():
        names.setdefault(resolve_config(name).config_id, []).append(name)
    assert [shared for shared in names.values() if len(shared) > 1] == TWINS


def test_all_of_them_are_here():
    assert len(named_configs()) >= 57 + 2 + 2  # the front ends, two with cepstra, and Keras's for speech and music


def test_keras_is_the_defaults_and_names_every_key_of_keras():
    written = settings_of("keras")
    assert {key: setting.value for key, setting in written.items()} == {
        f"features.{key}": value for key, value in KERAS_DEFAULTS.items()
    }
    assert list(written) == [f"features.{key}" for key in KERAS_KEYS]
    assert resolve_config("keras") == resolve_config() == Config()
    assert FeatureOptions(**KERAS_DEFAULTS) == FeatureOptions()


def test_speech_is_keras_in_the_frames_of_speech():
    speech = resolve_config("keras_speech").features
    assert (speech.sequence_length, speech.sequence_stride, speech.fft_length) == (400, 160, 512)
    assert (speech.num_mel_bins, speech.sampling_rate) == (80, 16_000)


def test_music_is_keras_at_the_rate_of_a_compact_disc():
    assert resolve_config("keras_music").features.sampling_rate == 44_100


@pytest.mark.parametrize(
    "near, other, key, values",
    [  # near twins that are taken for each other
        ("vocos", "f5_tts", "min_power", (1e-7, 1e-5)),
        ("hifigan", "vits", "mag_eps", (1e-9, 1e-6)),
        ("vggish", "yamnet", "log_offset", (0.01, 0.001)),
        ("kaldi_80", "torchaudio_kaldi", "input_scale", (32768.0, 1.0)),
        ("whisper", "whisper_128", "num_mel_bins", (80, 128)),
        ("whisper", "faster_whisper", "pad_end", (0, 160)),
        ("whisper_128", "whisper_128_unpadded", "num_samples", (480_000, None)),
        ("whisper_128_unpadded", "qwen2_5_omni", "pad_end", (0, 159)),
        ("espnet_tts", "parallel_wavegan", "mag_floor", (1e-10, 0.0)),
        ("clap_unfused", "clap_fused", "mel_scale", ("slaney", "htk")),
        ("seamless_m4t", "speech_to_text", "std_ddof", (1, 0)),
    ],
)
def test_near_twins_differ(near, other, key, values):
    assert (getattr(resolve_config(near).features, key), getattr(resolve_config(other).features, key)) == values
