"""``mean`` and ``std`` as the path of a file: the numbers of the file take its place."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from melcli.api.configs import load_config
from melcli.config.resolve import resolve_config
from melcli.errors import ConfigError
from tests.messages import names

MEAN, STD = [-1.5, 0.25, 3.0], [0.5, 1.0, 2.0]
SMALL = "features:\n  num_mel_bins: 3\n"
NUMBERS = resolve_config(sets=["num_mel_bins=3", f"mean={MEAN}", f"std={STD}"])


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Files in a folder of their own."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sub").mkdir()
    np.savez("sub/stats.npz", mean=MEAN, std=STD)
    Path("sub/stats.yaml").write_text(f"{SMALL}  mean: {MEAN}\n  std: {STD}\n")
    Path("sub/derived.yaml").write_text("base: stats.yaml\n")
    Path("sub/one.json").write_text('{"mean": -4.5, "std": 2}')
    return tmp_path


@pytest.mark.parametrize("name", ["stats.npz", "stats.yaml", "derived.yaml"])
def test_a_path_in_a_config_starts_in_its_folder(folder: Path, name: str) -> None:
    Path("sub/mine.yaml").write_text(f"{SMALL}  mean: {name}\n  std: ./{name}\n")
    Path("child.yaml").write_text("base: sub/mine.yaml\n")
    for config in ("./sub/mine.yaml", str(folder / "sub/mine.yaml"), "./child.yaml"):
        found = resolve_config(config)
        assert found == NUMBERS
        assert found.config_id == NUMBERS.config_id
    origin = resolve_config("./sub/mine.yaml").origins["features.mean"]
    assert names(origin, "mine.yaml:3", name)


def test_a_path_on_the_command_line_starts_in_the_current_folder() -> None:
    sets = ["num_mel_bins=3", "mean=sub/stats.npz", "std=sub/stats.yaml"]
    assert resolve_config(sets=sets) == NUMBERS
    environ = {"MELCLI_FEATURES_MEAN": "sub/stats.npz", "MELCLI_FEATURES_STD": "sub/stats.npz"}
    assert resolve_config(sets=sets[:1], environ=environ) == NUMBERS
    assert load_config(num_mel_bins=3, mean="sub/stats.npz", std="sub/stats.npz") == NUMBERS


def test_normalize_sets_both_keys_and_wins() -> None:
    sets = ["num_mel_bins=3", "mean=bin", "std=bin", "std_eps=1e-5"]
    found = resolve_config(sets=sets, normalize="sub/stats.npz")
    assert found == NUMBERS
    assert names(found.origins["features.std"], "--normalize sub/stats.npz")


def test_one_number_stays_one_number() -> None:
    assert resolve_config(normalize="sub/one.json").features.mean == -4.5


def test_the_resolved_config_needs_no_file() -> None:
    text = resolve_config(sets=["num_mel_bins=3"], normalize="sub/stats.npz").to_yaml()
    Path("resolved.yaml").write_text(text)
    Path("sub/stats.npz").unlink()
    assert resolve_config("./resolved.yaml") == NUMBERS


def test_the_config_id_follows_the_content() -> None:
    one = resolve_config(sets=["num_mel_bins=3"], normalize="sub/stats.npz").config_id
    np.savez("sub/stats.npz", mean=MEAN, std=[0.5, 1.0, 2.5])
    assert resolve_config(sets=["num_mel_bins=3"], normalize="sub/stats.npz").config_id != one


@pytest.mark.parametrize(
    "sets, words",
    [
        (["mean=no.npz"], ("--set mean=no.npz", "No such file")),
        (["mean=sub/stats.npz"], ("--set mean=sub/stats.npz", "mean holds 3 numbers", "num_mel_bins is 128")),
        (["std=sub/plain.yaml"], ("plain.yaml", "no numbers for features.std")),
        (["std=sub/words.yaml"], ("words.yaml", "no numbers for features.std")),
        (["std=sub/broken.json"], ("broken.json", "not JSON")),
        (["mean=bins"], ("mean='bins'", "'bin'")),
    ],
)
def test_a_file_without_the_numbers_is_refused_with_its_origin(sets: list[str], words: tuple[str, ...]) -> None:
    Path("sub/plain.yaml").write_text("base: kaldi_80\n")
    Path("sub/words.yaml").write_text("features:\n  std: all\n")
    Path("sub/broken.json").write_text("{")
    with pytest.raises(ConfigError) as caught:
        resolve_config(sets=sets)
    assert names(caught.value, *words)


def test_a_circle_of_files_is_refused() -> None:
    Path("a.yaml").write_text("features:\n  mean: b.yaml\n")
    Path("b.yaml").write_text("features:\n  mean: a.yaml\n")
    with pytest.raises(ConfigError, match="circle"):
        resolve_config("./a.yaml")
