"""The named configs: found from a checkout and from an installed wheel."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import melcli.config
from melcli.config import named_configs as named
from melcli.config.named_configs import (
    config_labels,
    config_name,
    config_path,
    display_path,
    named_configs,
    search_configs,
)
from melcli.config.resolve import resolve_config
from melcli.errors import ConfigError

CONFIGS = Path(__file__).parents[2] / "configs"
PACKAGE = Path(melcli.config.__file__).parents[1]
FILES = sorted(CONFIGS.rglob("*.yaml"))
assert FILES, f"no configs in {CONFIGS}"


def test_every_file_has_a_name_of_its_own():
    assert len({path.stem for path in FILES}) == len(FILES)
    assert named_configs() == {path.stem: path for path in FILES}


def test_names_are_sorted_by_family():
    assert list(named_configs().values()) == FILES


def test_configs_end_in_yaml_and_nothing_else_lies_among_them():
    others = {path.name for path in CONFIGS.rglob("*") if path.is_file()} - {path.name for path in FILES}
    assert others <= {"README.md", "melcli.schema.json"}


@pytest.mark.parametrize("name, path", named_configs().items())
def test_a_name_is_found(name, path):
    assert config_path(name) == path


@pytest.mark.parametrize(
    "name, said",
    [
        ("kerras", "no config is called 'kerras'; did you mean 'keras'?"),
        ("keras_speach", "no config is called 'keras_speach'; did you mean 'keras_speech'?"),
        ("whispr", "no config is called 'whispr'; did you mean 'whisper'?"),
        ("larg-v3", "no config is called 'larg-v3'; did you mean 'whisper_128'?"),
        ("clap", "no config is called 'clap'; did you mean 'clap_fused' or 'clap_unfused'?"),
        ("parakeet-tdt", "no config is called 'parakeet-tdt'; did you mean 'nemo' or 'nemo_128'?"),
        ("\x1b[2J", "no config is called '\\x1b[2J'; 'melcli config list' lists all configs"),
        ("", "no config is called ''; 'melcli config list' lists all configs"),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest(name, said):
    with pytest.raises(ConfigError) as raised:
        config_path(name)
    assert str(raised.value) == said


@pytest.mark.parametrize(
    "written, name",
    [
        ("Keras", "keras"),
        ("KERAS-speech", "keras_speech"),
        ("large-v3", "whisper_128"),
        ("Large_V3", "whisper_128"),
        ("large-v2", "whisper"),
        ("hifi-gan", "hifigan"),
        ("waveglow", "tacotron2"),
        ("qwen2-audio", "whisper_128"),
        ("Qwen2.5-Omni", "qwen2_5_omni"),
        ("qwen3-omni", "whisper_128_unpadded"),
        ("Qwen3-ASR", "whisper_128_unpadded"),
        ("w2v-bert-2.0", "seamless_m4t"),
        ("cnn14", "panns"),
        ("efficientat", "passt"),
    ],
)
def test_a_config_is_found_by_its_other_names_however_they_are_written(written, name):
    assert config_name(written) == name
    assert config_path(written) == named_configs()[name]
    assert resolve_config(written).config_id == resolve_config(name).config_id


def test_an_alias_can_be_a_base(tmp_path):
    (tmp_path / "my.yaml").write_text("base: large-v3\n")
    assert resolve_config(str(tmp_path / "my.yaml")) == resolve_config("whisper_128")


def test_the_other_files_are_not_opened_for_a_name(monkeypatch):
    monkeypatch.setattr(named, "config_labels", lambda path: pytest.fail(f"opened {path}"))
    assert config_name("whisper_128") == "whisper_128"


@pytest.mark.parametrize(
    "words, names",
    [
        ("large-v3", ["whisper_128"]),
        ("Large V3", ["whisper_128"]),
        ("large_v3", ["whisper_128"]),
        ("v3  large", ["whisper_128"]),
        ("whisper large", ["whisper", "whisper_128"]),
        ("distil-whisper", ["whisper", "whisper_128"]),
        ("mel-gan", ["melgan", "parallel_wavegan"]),
        ("OnlineMfcc", ["kaldi_mfcc"]),
        ("canary", ["nemo_128"]),
        ("parakeet", ["nemo", "nemo_128", "parakeet_hf"]),
        ("librosa/feature/spectral.py mfcc", ["librosa_mfcc"]),
        ("whisper vocoder", []),
        ("nothing-of-the-kind", []),
    ],
)
def test_words_are_searched_in_names_aliases_description_and_equivalent(words, names):
    assert [found.name for found in search_configs(words)] == names


@pytest.mark.parametrize("nothing", ["", "  ", "-", "_ ."])
def test_no_words_find_all(nothing):
    found = search_configs(nothing)
    assert [hit.name for hit in found] == list(named_configs())
    assert all(hit.aliases == () for hit in found)


def test_the_aliases_that_hold_all_words_are_told():
    (hit,) = search_configs("large turbo")
    assert hit.aliases == ("large-v3-turbo", "whisper-large-v3-turbo")


def test_what_ends_like_yaml_or_holds_a_slash_is_a_file():
    assert config_path("keras.yaml") == Path("keras.yaml")
    assert config_path("keras.yml") == Path("keras.yml")
    assert config_path("./keras") == Path("keras")
    assert config_path("/x/keras") == Path("/x/keras")
    assert config_path("my.yaml", beside=Path("below")) == Path("below/my.yaml")
    assert config_path("/x/my.yaml", beside=Path("below")) == Path("/x/my.yaml")
    assert config_path("keras", beside=Path("below")) == named_configs()["keras"]


def test_named_configs_are_shown_from_configs_on_and_others_as_given():
    keras = named_configs()["keras"]
    assert display_path(keras) == "configs/libraries/keras.yaml"
    assert display_path(Path("my.yaml")) == "my.yaml"
    assert display_path(Path("/x/../my.yaml")) == "/x/../my.yaml"
    assert display_path(CONFIGS.parent / "configs.yaml") == f"{CONFIGS.parent}/configs.yaml"


def test_a_description_is_the_first_comment(tmp_path):
    path = tmp_path / "my.yaml"
    for text, said in [("#  What it is. \n# more", "What it is."), ("features: {}\n# later", ""), ("", ""), ("#", "")]:
        path.write_text(text)
        assert config_labels(path).description == said


def test_a_package_without_configs_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(named, "__file__", str(tmp_path / "melcli" / "config" / "named.py"))
    with pytest.raises(ConfigError) as raised:
        named_configs()
    assert str(raised.value) == f"no named configs beside {tmp_path}/melcli; is melcli installed completely?"


ASK = """
from melcli.config.named_configs import display_path, named_configs
from melcli.config.resolve import resolve_config
for name, path in named_configs().items():
    print(name, display_path(path), path, resolve_config(name).config_id)
"""


@pytest.mark.full
@pytest.mark.parametrize("layout", ["checkout", "wheel"])
def test_configs_are_found_wherever_the_package_stands(tmp_path, layout):
    shutil.copytree(PACKAGE, tmp_path / "melcli", ignore=shutil.ignore_patterns("__pycache__", "configs"))
    home = tmp_path if layout == "checkout" else tmp_path / "melcli"
    shutil.copytree(CONFIGS, home / "configs")
    if layout == "wheel":  # what another package may have left in site-packages is not ours
        (tmp_path / "configs").mkdir()
        (tmp_path / "configs" / "keras.yaml").write_text("features: {num_mel_bins: 1}\n")
    asked = subprocess.run(
        [sys.executable, "-c", ASK],
        cwd="/",
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    found = [line.split() for line in asked.stdout.splitlines()]
    assert [name for name, *_ in found] == list(named_configs())
    for name, shown, path, _ in found:
        assert shown == display_path(named_configs()[name])
        assert Path(path) == (home / shown).resolve()
    assert [config_id for *_, config_id in found] == [resolve_config(name).config_id for name in named_configs()]
