"""``melcli compare``."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from melcli import open_features
from tests.cli.shell import Ended
from tests.run.corpus import LIGHT, plant
from tests.run.invariants import check_printed

Command = Callable[..., Ended]


@pytest.fixture
def out(melcli: Command, tmp_path: Path) -> Path:
    """Features of two files, as melcli stores them."""
    plant(tmp_path / "in", "a.wav", "sub/b.flac")
    assert melcli("extract", tmp_path / "in", *LIGHT, "-o", tmp_path / "out").code == 0
    return tmp_path / "out"


def save(folder: Path, out: Path, change: Callable[[np.ndarray], np.ndarray]) -> Path:
    """Write a changed copy as plain files."""
    for item_id, features in open_features(out).items():
        (folder / item_id).parent.mkdir(parents=True, exist_ok=True)
        np.save(folder / f"{item_id}.npy", change(features))
    return folder


def test_0_where_all_is_equal(melcli: Command, out: Path, tmp_path: Path) -> None:
    for other in (out, save(tmp_path / "copy", out, np.copy)):
        ended = melcli("compare", out, other)
        assert (ended.code, ended.err) == (0, "")
        assert ended.out.startswith("2 files, ")
        assert ended.out.endswith(" values: all equal\n")


@pytest.mark.full
def test_npy_and_hdf5_of_one_run_are_equal(melcli: Command, out: Path, tmp_path: Path) -> None:
    assert melcli("extract", tmp_path / "in", *LIGHT, "-o", tmp_path / "shards", "-f", "hdf5").code == 0
    assert melcli("compare", out, tmp_path / "shards").code == 0
    assert melcli("compare", tmp_path / "shards" / "features-00000.h5", out).code == 0


def test_4_and_the_reason_where_something_differs(melcli: Command, out: Path, tmp_path: Path) -> None:
    other = save(tmp_path / "ln", out, lambda mels: (mels * (np.log(10) / 10)).T)
    ended = melcli("compare", out, other)
    assert (ended.code, ended.err) == (4, "")
    assert "B is A transposed; B = 0.2302585 * A: B is ln where A is dB" in " ".join(ended.out.split())
    check_printed(ended.out)


@pytest.mark.full
def test_a_setting_of_another_run_is_seen(melcli: Command, out: Path, tmp_path: Path) -> None:
    assert melcli("extract", tmp_path / "in", *LIGHT, "-o", tmp_path / "b", "-s", "dtype=float16").code == 0
    ended = melcli("compare", out, tmp_path / "b")
    assert (ended.code, ended.out.splitlines()[-1]) == (4, "2 files: B is A rounded to float16")
    assert melcli("compare", out, tmp_path / "b", "--rtol", "5e-4").code == 0
    assert melcli("compare", out, tmp_path / "b", "--atol", "1e-5", "--rtol", "1e-5").code == 4


def test_json_is_one_object_and_nothing_else(melcli: Command, out: Path, tmp_path: Path) -> None:
    other = save(tmp_path / "x", out, lambda mels: mels + 1)
    (other / "sub" / "b.npy").write_bytes(b"junk")
    ended = melcli("compare", out, other, "--json", "--top", "0")
    assert (ended.code, ended.err, ended.out.count("\n")) == (4, "", 1)
    told = json.loads(ended.out)
    assert [item["id"] for item in told["files"]] == ["a"]
    assert [item["id"] for item in told["unreadable"]] == ["sub/b"]
    assert told["exit_code"] == 4


@pytest.mark.parametrize(
    "arguments, code, words",
    [
        (["nowhere"], 2, "nowhere does not exist"),
        (["in"], 5, "in contains no features: no .npy, .npz, .h5, .hdf5 files with arrays"),
        (["in/a.wav"], 2, "in/a.wav has none of the extensions .npy, .npz, .h5, .hdf5"),
        (["junk.npy"], 6, "junk.npy cannot be read: "),
        (["out", "--atol", "nan"], 2, "atol=nan must be finite, and 0 or more"),
        (["out", "--rtol", "-1"], 2, "rtol=-1.0 must be finite, and 0 or more"),
    ],
)
def test_what_cannot_be_compared_is_refused_in_a_sentence(
    melcli: Command,
    out: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    code: int,
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "junk.npy").write_bytes(b"junk")
    ended = melcli("compare", "out", *arguments)
    assert (ended.code, ended.out) == (code, "")
    assert ended.err.startswith(f"melcli: error: {words}")
    told = json.loads(melcli("compare", "out", *arguments, "--json").out)
    assert told["exit_code"] == code
    assert told["error"].startswith(words)


def test_the_help_tells_the_exit_codes_and_gives_examples(melcli: Command) -> None:
    told = melcli("compare", "-h")
    assert (told.code, told.err) == (0, "")
    assert all(len(line) <= 100 for line in told.out.splitlines())
    assert told.out.count("\n  melcli compare ") == 3
    for code in ("0", "2", "4", "5", "6"):
        assert re.search(rf"\b{code}\b", told.out.partition("Exit codes:")[2].partition("Options:")[0])


def test_names_are_escaped(melcli: Command, tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name / "x\x1b[31m").mkdir(parents=True)
        np.save(tmp_path / name / "x\x1b[31m" / "y\n.npy", np.arange(9.0) + (name == "b"))
        np.save(tmp_path / name / f"only\x07{name}.npy", np.arange(9.0))
    ended = melcli("compare", tmp_path / "a", tmp_path / "b")
    assert ended.code == 4
    check_printed(ended.out)
    assert r"x\x1b[31m/y\x0a" in ended.out
    assert r"only in B (1): only\x07b" in ended.out
