"""The JSON Schema of a config, held against a validator of its own and against melcli's own reading."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from melcli.config.config import SECTIONS, Config
from melcli.config.named_configs import configs_folder, named_configs
from melcli.config.resolve import resolve_config
from melcli.config.schema import SCHEMA_FILE, key_descriptions, schema, schema_line
from melcli.errors import ConfigError
from melcli.options import key_types

VALIDATOR = Draft202012Validator(schema())


def test_it_is_a_valid_schema() -> None:
    Draft202012Validator.check_schema(schema())


def test_the_file_that_is_shipped_is_this_schema() -> None:
    file = configs_folder() / SCHEMA_FILE
    assert json.loads(file.read_text(encoding="utf-8")) == schema(), "run: python docs/write_schema.py"
    assert schema_line() == f"# yaml-language-server: $schema={file.as_uri()}"


def test_every_key_has_a_meaning_and_its_default() -> None:
    plain = Config().plain()
    for section, cls in SECTIONS.items():
        keys = schema()["properties"][section]["properties"]
        assert keys.keys() == key_types(cls).keys() == key_descriptions(cls).keys()
        for key, told in keys.items():
            assert told["default"] == plain[section][key]
            assert told["description"][0].isupper() or told["description"][0] in "'0123456789"
            assert not {"`", "None"} & set(told["description"].split())


@pytest.mark.parametrize("name", named_configs())
def test_every_named_config_fits_as_any_reader_of_yaml_sees_it(name: str) -> None:
    """PyYAML reads YAML 1.1, where 1e-10 is text; files and what melcli writes have 1.0e-10."""
    VALIDATOR.validate(yaml.safe_load(named_configs()[name].read_text(encoding="utf-8")))
    config = resolve_config(name)
    written = config.to_yaml({"config_id": config.config_id})
    seen = yaml.safe_load(written)
    VALIDATOR.validate(seen)
    assert {section: seen[section] for section in SECTIONS} == config.plain()


BAD: list[tuple[dict[str, Any], str]] = [
    ({"featurs": {}}, "unknown key"),
    ({"num_mel_bins": 80}, "unknown key"),
    ({"base": 3}, "base"),
    ({"features": 3}, "mapping"),
    ({"features": {"num_mel_binz": 80}}, "unknown key"),
    ({"features": {"num_mel_bins": "80"}}, "must be an integer"),
    ({"features": {"num_mel_bins": 0}}, "must be in"),
    ({"features": {"num_mel_bins": 4097}}, "must be in"),
    ({"features": {"mag_exp": 0}}, "must be above 0"),
    ({"features": {"min_freq": -1}}, "must be 0 or more"),
    ({"features": {"power_to_db": "yes"}}, "must be true or false"),
    ({"features": {"window": "hanning"}}, "must be 'hann'"),
    ({"features": {"window": ["a"]}}, "must be 'hann'"),
    ({"features": {"padding": [1]}}, "must be 'center'"),
    ({"features": {"sampling_rate": None}}, "must be an integer"),
    ({"audio": {"channels": "left"}}, "must be 'mix'"),
    ({"output": {"dtype": "int16"}}, "must be 'float32'"),
]


@pytest.mark.parametrize("content, words", BAD, ids=str)
def test_what_melcli_refuses_does_not_fit(content: dict[str, Any], words: str, tmp_path: Any) -> None:
    assert not VALIDATOR.is_valid(content)
    path = tmp_path / "bad.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    with pytest.raises(ConfigError, match=words):
        resolve_config(str(path))


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"base": "whisper"},
        {"audio": {"channels": 1}},
        {"features": {"window": None, "padding": [1, 2], "clip": [-1.0, 1], "mean": "bin", "top_db": None}},
        {"features": {"fft_length": 2, "window": [0.5, 1]}},
        {"made_by": {"melcli": "0.1.0"}},
    ],
    ids=str,
)
def test_what_melcli_reads_fits(content: dict[str, Any], tmp_path: Any) -> None:
    VALIDATOR.validate(content)
    path = tmp_path / "good.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    resolve_config(str(path))
