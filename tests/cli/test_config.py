"""``melcli config list|show|check``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from melcli.config.named import named_configs
from melcli.config.resolve import resolve_config
from tests.cli.shell import Ended
from tests.run.invariants import check_printed

Command = Callable[..., Ended]


def test_list_names_every_config_with_a_line_on_it(melcli: Command) -> None:
    ended = melcli("config", "list")
    assert (ended.code, ended.err) == (0, "")
    lines = {line.split()[0]: line for line in ended.out.splitlines()}
    assert list(lines) == list(named_configs())
    assert {"keras", "keras_speech", "keras_music"} <= set(lines)
    assert all(len(line.split()) > 5 for line in lines.values())


def test_show_prints_every_value_and_where_it_was_set(
    melcli: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.yaml").write_text("base: keras_speech\nfeatures:\n  num_mel_bins: 64\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MELCLI_FEATURES_TOP_DB", "60")
    ended = melcli("config", "show", "./mine.yaml", "-s", "output.dtype=float16")
    assert (ended.code, ended.err) == (0, "")
    shown = {line.split(":")[0].strip(): line.split() for line in ended.out.splitlines() if "  #" in line}
    assert shown["num_mel_bins"][1:] == ["64", "#", "mine.yaml:3"]
    assert shown["top_db"][1:] == ["60.0", "#", "MELCLI_FEATURES_TOP_DB"]
    assert shown["dtype"][1:] == ["float16", "#", "--set", "output.dtype=float16"]
    assert shown["sequence_stride"][1:3] == ["160", "#"]
    assert shown["sequence_stride"][3].startswith("configs/libraries/keras_speech.yaml:")
    assert shown["compute_dtype"][1:] == ["float32", "#", "default"]
    expected = resolve_config("keras").plain()
    assert set(shown) == {key for section in expected.values() for key in section}


@pytest.mark.parametrize("name", list(named_configs()))
def test_what_show_prints_is_that_config(melcli: Command, tmp_path: Path, name: str) -> None:
    ended = melcli("config", "show", name)
    (tmp_path / "saved.yaml").write_text(ended.out)
    config_id = resolve_config(name).config_id
    assert resolve_config(str(tmp_path / "saved.yaml")).config_id == config_id
    assert f"# config_id {config_id}" in ended.out


def test_check_looks_at_all_and_ends_with_2_if_one_is_refused(melcli: Command, tmp_path: Path) -> None:
    good, bad, gone = (str(tmp_path / f"{name}.yaml") for name in ("good", "bad\x07", "gone"))
    Path(good).write_text("features: {num_mel_bins: 64}\n")
    Path(bad).write_text("features:\n  num_mel_bin: 64\n")
    fine = melcli("config", "check", good, "keras")
    assert fine.code == 0
    assert fine.out.count(": ok, config_id ") == 2
    mixed = melcli("config", "check", bad, gone, good)
    assert mixed.code == 2
    assert f"{good}: ok, config_id " in mixed.out
    assert "bad\\x07.yaml:2: features: unknown key 'num_mel_bin'; did you mean 'num_mel_bins'?" in mixed.err
    assert "gone.yaml: cannot be read: No such file or directory" in mixed.err
    check_printed(mixed.out + mixed.err)
