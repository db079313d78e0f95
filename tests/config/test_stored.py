"""melcli.yaml, read back."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from melcli.config.config import Config
from melcli.config.resolve import resolve_config
from melcli.config.stored import read_stored_config
from melcli.errors import ConfigError
from melcli.version import __version__


def write(out: Path, config: Config, **made_by: str) -> None:
    told = {"config_id": config.config_id, "melcli": __version__, "numpy": "2.0.0"} | made_by
    (out / "melcli.yaml").write_text(config.to_yaml(told))


def test_config_and_versions_come_back(tmp_path: Path) -> None:
    config = resolve_config("kaldi", sets=["output.format=hdf5"])
    write(tmp_path, config)
    stored = read_stored_config(str(tmp_path))
    assert stored.config == config
    assert stored.config_id == config.config_id
    assert stored.versions == {"melcli": __version__, "numpy": "2.0.0"}


def test_another_melcli_may_have_made_another_id_of_it(tmp_path: Path) -> None:
    write(tmp_path, Config(), melcli="0.0.1", config_id="0123456789abcdef")
    assert read_stored_config(str(tmp_path)).config_id == "0123456789abcdef"


def test_a_config_that_does_not_say_what_made_it_is_one(tmp_path: Path) -> None:
    (tmp_path / "melcli.yaml").write_text("features: {num_mel_bins: 40}")
    stored = read_stored_config(str(tmp_path))
    assert (stored.config.features.num_mel_bins, stored.config_id, stored.versions) == (40, "", {})


def test_an_id_that_is_not_that_of_the_values_is_refused(tmp_path: Path) -> None:
    write(tmp_path, Config(), config_id="0123456789abcdef")
    with pytest.raises(ConfigError, match=rf"its values have config_id {Config().config_id}, not 0123456789abcdef$"):
        read_stored_config(str(tmp_path))


@pytest.mark.parametrize(
    "content, words",
    [
        (b"\xff", "not UTF-8"),
        (b"features: [", "melcli.yaml:1: "),
        (b"features: {num_mel_bin: 3}", "did you mean"),
        (b"x" * 10_000_000, "a config holds at most"),
    ],
    ids=["bytes", "yaml", "key", "large"],
)
def test_what_is_no_config_is_refused(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "melcli.yaml").write_bytes(content)
    with pytest.raises(ConfigError, match=words):
        read_stored_config(str(tmp_path))


def test_what_is_not_there_or_no_file_is_refused_without_waiting(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        read_stored_config(str(tmp_path))
    os.mkfifo(tmp_path / "melcli.yaml")
    with pytest.raises(ConfigError, match="a named pipe"):
        read_stored_config(str(tmp_path))
