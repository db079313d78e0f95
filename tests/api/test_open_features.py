"""`melcli.open_features` with a normalization: what extracting with it would have stored."""

from __future__ import annotations

import csv
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import melcli
from melcli.errors import ConfigError
from tests.cli.shell import Ended
from tests.messages import names
from tests.run.corpus import LIGHT, plant

Command = Callable[..., Ended]


@pytest.fixture
def sounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    sources = plant(tmp_path / "in", "a.wav", "b.wav", "c.wav", "d.wav")
    with open("table.csv", "w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["path", "id", "speaker"])
        table.writerows([f"in/{path.name}", path.stem, f"s{number % 2}"] for number, path in enumerate(sources))
    return tmp_path


@pytest.mark.parametrize("file", ["s.npz", "s.yaml", "s.json", "s.ark", "s.npy"])
@pytest.mark.parametrize("more", [(), ("-s", "time_major=true", "-f", "hdf5")], ids=["npy", "hdf5"])
def test_it_gives_what_extract_normalize_stores(
    melcli_command: Command, sounds: Path, file: str, more: tuple[str, ...]
) -> None:
    melcli_command("extract", "in", "-o", "out", *LIGHT, *more)
    melcli_command("stats", "out", "-o", file)
    melcli_command("extract", "in", "-o", "stored", *LIGHT, *more, "--normalize", file)
    stored, found = melcli.open_features("stored"), melcli.open_features("out", normalize=Path(file))
    assert list(found) == list(stored)
    for name, array in found.items():
        assert array.dtype == np.float32
        np.testing.assert_allclose(array, stored[name], atol=2e-6)


@pytest.fixture
def melcli_command(request: pytest.FixtureRequest) -> Command:
    """The command, under a name that the package does not have."""
    command: Command = request.getfixturevalue("melcli")
    return command


def test_a_pair_of_numbers_or_lists_is_enough(melcli_command: Command, sounds: Path) -> None:
    melcli_command("extract", "in", "-o", "out", *LIGHT)
    plain = melcli.open_features("out")["a"]
    pairs: list[Any] = [(-20.0, 4.0), (-20, np.full(20, 4.0)), ([-20.0] * 20, [4.0] * 20)]
    for pair in pairs:
        np.testing.assert_array_equal(melcli.open_features("out", normalize=pair)["a"], (plain + 20) / 4)


@pytest.mark.parametrize("file, by", [("s.npz", None), ("s.json", None), ("s.ark", "speaker"), ("s.npz", "speaker")])
def test_each_item_has_the_statistics_of_its_group(
    melcli_command: Command, sounds: Path, file: str, by: str | None
) -> None:
    melcli_command("extract", "--table", "table.csv", "-o", "out", *LIGHT)
    melcli_command("stats", "out", "--by", "speaker", "-o", file)
    found = melcli.open_features("out", normalize=file, normalize_by=by)
    for group in (("a", "c"), ("b", "d")):
        frames = np.concatenate([found[name] for name in group], axis=1).astype(np.float64)
        np.testing.assert_allclose(frames.mean(axis=1), 0, atol=1e-5)
        np.testing.assert_allclose(frames.std(axis=1), 1, rtol=1e-5)


def test_it_can_be_pickled(melcli_command: Command, sounds: Path) -> None:
    melcli_command("extract", "in", "-o", "out", *LIGHT)
    found = melcli.open_features("out", normalize=(1.0, 2.0))
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(found))["b"], found["b"])


def test_what_does_not_fit_is_refused(melcli_command: Command, sounds: Path) -> None:
    melcli_command("extract", "--table", "table.csv", "-o", "out", *LIGHT)
    melcli_command("stats", "out", "-o", "s.npz")
    melcli_command("stats", "out", "--by", "speaker", "-o", "s.ark")
    calls: list[tuple[dict[str, Any], tuple[str, ...]]] = [
        ({"normalize": "no.npz"}, ("no.npz", "No such file")),
        ({"normalize": ([1.0, 2.0], 1.0)}, ("2 means", "20 features")),
        ({"normalize": (0.0, 0.0)}, ("above 0",)),
        ({"normalize": 3}, ("pair",)),
        ({"normalize_by": "speaker"}, ("needs normalize",)),
        ({"normalize": "s.npz", "normalize_by": "speaker"}, ("s.npz", "no groups")),
        ({"normalize": "s.ark"}, ("s.ark", "2 entries", "normalize_by")),
    ]
    for arguments, words in calls:
        with pytest.raises(ConfigError) as caught:
            melcli.open_features("out", **arguments)
        assert names(caught.value, *words), caught.value


def test_an_item_of_another_group_is_refused_when_it_is_read(melcli_command: Command, sounds: Path) -> None:
    melcli_command("extract", "--table", "table.csv", "-o", "out", *LIGHT)
    melcli_command("extract", "in/b.wav", "-o", "other", *LIGHT)
    melcli_command("stats", "out", "--by", "speaker", "-o", "s.npz")
    with pytest.raises(ConfigError, match="no such column"):
        melcli.open_features("other", normalize="s.npz")["b"]
    Path("table.csv").write_text("path,id,speaker\nin/a.wav,a,a\n")
    melcli_command("extract", "--table", "table.csv", "-o", "third", *LIGHT)
    third = melcli.open_features("third", normalize="s.npz")
    with pytest.raises(ConfigError, match=r"'a', of which s\.npz has no numbers"):
        third["a"]
