"""The template of a config: it equals its base, also with every key set."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from melcli.config.config import SECTIONS
from melcli.config.resolve import resolve_config
from melcli.config.template import template
from melcli.config.yaml_document import read_document
from melcli.errors import ConfigError
from melcli.options import key_types


@pytest.mark.parametrize("name", ["keras", "whisper", "kaldi_mfcc"])
def test_it_equals_its_base_as_it_is_and_with_every_key_set(tmp_path: Path, name: str) -> None:
    text = "\n".join(template(name)) + "\n"
    path = tmp_path / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    assert resolve_config(str(path)) == resolve_config(name)
    assert read_document(text, "mine.yaml").keys() == {"base"}

    head, _, rest = text.partition("base: ")
    path.write_text(head + "base: " + re.sub(r"^# ?", "", rest, flags=re.MULTILINE), encoding="utf-8")
    opened = resolve_config(str(path))
    assert opened == resolve_config(name)
    every = {f"{section}.{key}" for section, cls in SECTIONS.items() for key in key_types(cls)}
    assert {key for key, origin in opened.origins.items() if origin.startswith(str(path))} == every


def test_its_lines_fit_a_terminal() -> None:
    first, *lines = template("bigvgan_v2_44khz_128band_512x")
    assert first.startswith("# yaml-language-server: $schema=file:///")
    assert max(map(len, lines)) <= 80


def test_an_alias_becomes_the_name() -> None:
    assert "base: whisper_128" in template("large-v3")


@pytest.mark.parametrize(
    "base, said",
    [("whispr", "no config is called 'whispr'; did you mean 'whisper'?"), ("./a.yaml", "./a.yaml is a file, ")],
)
def test_what_is_no_named_config_is_refused(base: str, said: str) -> None:
    with pytest.raises(ConfigError) as raised:
        list(template(base))
    assert str(raised.value).startswith(said)
