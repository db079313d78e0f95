"""The named configs: found from a checkout and from an installed wheel."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import melcli.config
from melcli.config import named
from melcli.config.named import config_description, config_path, display_path, named_configs
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
    assert others <= {"README.md"}


@pytest.mark.parametrize("name, path", named_configs().items())
def test_a_name_is_found(name, path):
    assert config_path(name) == path


@pytest.mark.parametrize(
    "name, said",
    [
        ("kerras", "no config is called 'kerras'; did you mean 'keras'?"),
        ("keras_speach", "no config is called 'keras_speach'; did you mean 'keras_speech'?"),
        ("Keras", "no config is called 'Keras'; did you mean 'keras'?"),
        ("\x1b[2J", f"no config is called '\\x1b[2J'; known are {', '.join(named_configs())}"),
        ("", f"no config is called ''; known are {', '.join(named_configs())}"),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest(name, said):
    with pytest.raises(ConfigError) as raised:
        config_path(name)
    assert str(raised.value) == said


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
        assert config_description(path) == said


def test_a_package_without_configs_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(named, "__file__", str(tmp_path / "melcli" / "config" / "named.py"))
    with pytest.raises(ConfigError) as raised:
        named_configs()
    assert str(raised.value) == f"no named configs beside {tmp_path}/melcli; is melcli installed whole?"


ASK = """
from melcli.config.named import display_path, named_configs
from melcli.config.resolve import resolve_config
for name, path in named_configs().items():
    print(name, display_path(path), path, resolve_config(name).config_id)
"""


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
