"""One OUT, one config: features of another one are never served, and every command that looks says so."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from melcli import open_features
from melcli.errors import StorageError
from tests.cli.shell import Ended
from tests.run.corpus import LIGHT, plant, rows

Command = Callable[..., Ended]


@pytest.fixture(params=["npy", "hdf5"])
def mixed(request: pytest.FixtureRequest, tmp_path: Path, melcli: Command) -> tuple[Path, Path]:
    """An OUT that was recomputed with another config when one input was gone."""
    source, out = tmp_path / "in", tmp_path / "out"
    plant(source, "a.wav", "b.wav", "gone.wav", seconds=0.05)
    first = melcli("extract", source, *LIGHT, "-f", request.param, "-o", out)
    assert first.code == 0, first
    (source / "gone.wav").unlink()
    again = melcli("extract", source, *LIGHT, "-s", "num_mel_bins=8", "-f", request.param, "-o", out, "--overwrite")
    assert again.code == 0, again
    assert (
        f"1 item of OUT has no input (1 made with another config); melcli prune {out} INPUT... lists them" in again.err
    )
    assert len({row["config_id"] for row in rows(out).values()}) == 2
    return source, out


def test_readers_serve_one_config(mixed: tuple[Path, Path]) -> None:
    features = open_features(mixed[1])
    assert list(features) == ["a", "b"]
    assert features.num_other_config == 1
    assert {array.shape[0] for array in features.values()} == {8}
    assert "gone" not in features
    with pytest.raises(KeyError):
        features["gone"]


def test_status_names_what_another_config_made(mixed: tuple[Path, Path], melcli: Command) -> None:
    source, out = mixed
    ended = melcli("status", out, source, "--check", *("-s", "num_mel_bins=8"))
    assert ended.code == 4
    assert "OUT contains 1 item of another config, which readers skip: gone;" in ended.err
    told = json.loads(melcli("status", out, source, "--check", "--json").out)
    assert (told["other_config"], told["all_done"], told["exit_code"]) == (["gone"], False, 4)
    assert melcli("status", out, "--check").code == 4


def test_verify_names_what_another_config_made(mixed: tuple[Path, Path], melcli: Command) -> None:
    ended = melcli("verify", mixed[1])
    assert ended.code == 4
    assert "OUT contains 1 item of another config, which readers skip: gone;" in ended.err
    assert json.loads(melcli("verify", mixed[1], "--json").out)["other_config"] == ["gone"]


def test_prune_is_the_way_out(mixed: tuple[Path, Path], melcli: Command) -> None:
    source, out = mixed
    assert melcli("prune", out, source, "--delete").code == 0
    assert melcli("verify", out, "--read-data").code == 0
    assert melcli("status", out, source, "--check").code == 0
    assert open_features(out).num_other_config == 0


def test_an_orphan_of_the_same_config_is_served_and_no_fault(melcli: Command, tmp_path: Path) -> None:
    source, out = tmp_path / "in", tmp_path / "out"
    plant(source, "a.wav", "gone.wav", seconds=0.05)
    assert melcli("extract", source, *LIGHT, "-o", out).code == 0
    (source / "gone.wav").unlink()
    assert melcli("status", out, source, "--check").code == 0
    assert melcli("verify", out).code == 0
    assert list(open_features(out)) == ["a", "gone"]


def test_without_melcli_yaml_features_of_one_config_are_served(mixed: tuple[Path, Path], melcli: Command) -> None:
    source, out = mixed
    (out / "melcli.yaml").unlink()
    with pytest.raises(StorageError, match=r"features of 2 configs but no melcli\.yaml"):
        open_features(out)
    assert melcli("prune", out, source, "--delete").code == 0
    assert list(open_features(out)) == ["a", "b"]


def test_features_of_other_configs_alone_are_refused(mixed: tuple[Path, Path]) -> None:
    config = mixed[1] / "melcli.yaml"
    text = config.read_text()
    own = rows(mixed[1])["a"]["config_id"]
    assert own in text
    config.write_text(text.replace(own, "0123456789abcdef"))
    with pytest.raises(StorageError, match=r"no features of its config_id 0123456789abcdef, only 3 of other configs"):
        open_features(mixed[1])
