"""OUTs that earlier builds made are read and continued, and a new one has the same bytes where that is promised.

See tests/golden/outs/README.md.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from melcli.store.reader import open_features
from melcli.store.rows import LEVELS
from tests.cli.shell import Ended
from tests.run.corpus import signs
from tests.tiers import full_but

Command = Callable[..., Ended]

LATER_KEYS = {"chunk_s", "chunk_hop_s", "chunk_last", "decoder", "stream"}  # of section audio
STORED = Path(__file__).parents[1] / "golden" / "outs"
CONFIG = ("sampling_rate=8000", "fft_length=256", "sequence_stride=128", "num_mel_bins=20")
SETS = [word for setting in CONFIG for word in ("-s", setting)]
MTIME_NS = 1_795_867_200_000_000_000
LATER = {"format", "decoding", "valid_frames", *LEVELS}  # fields that rows of 42e6acc do not have
NUMBERS = {"crc32", "min", "max", "mean"}  # whose last digits depend on the processor and on the versions of libraries
CLOSE = 1e-4  # of the range, as `melcli verify --recompute` has it


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Move into a folder with the sounds."""
    shutil.copytree(STORED / "in", tmp_path / "in")
    for path in (tmp_path / "in").rglob("*.*"):
        os.utime(path, ns=(MTIME_NS, MTIME_NS))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.full
@pytest.mark.parametrize("format_", ["npy", "hdf5"])
def test_an_out_whose_rows_have_no_format_is_continued(melcli: Command, folder: Path, format_: str) -> None:
    """What decoding may have changed is recomputed: WAV and what failed, and not FLAC."""
    shutil.copytree(STORED / "42e6acc" / f"done_{format_}", "out")
    old = by_id(Path("out"))
    assert signs(melcli("status", "out", "in", "-v").out) == {"a": "=", "b": "*", "bad": "*", "sub/c": "="}
    check_complete(melcli, format_)
    rows = by_id(Path("out"))
    if format_ == "npy":
        assert rows["a"] == old["a"]
        assert LATER.isdisjoint(rows["a"])
        assert rows["b"].keys() >= LATER


@pytest.mark.parametrize("format_", full_but(["npy", "hdf5"], "npy"))
def test_a_journal_whose_rows_have_no_format_is_continued(melcli: Command, folder: Path, format_: str) -> None:
    shutil.copytree(STORED / "42e6acc" / f"interrupted_{format_}", "out")
    ended = melcli("status", "out", "in", "-v")
    assert signs(ended.out) == {"a": "=", "b": "*", "bad": "*", "sub/c": "+"}
    assert "the last run was interrupted" in ended.err
    check_complete(melcli, format_)


@pytest.mark.full
@pytest.mark.parametrize("format_", ["npy", "hdf5"])
def test_a_new_out_has_the_bytes_of_a_stored_one(melcli: Command, folder: Path, format_: str) -> None:
    """Also a stored one in which all is done stays as it is."""
    stored = STORED / "0177540" / f"done_{format_}"
    shutil.copytree(stored, "old")
    assert melcli("extract", "in", "-o", "out", *SETS, "-f", format_).code == 3
    assert melcli("extract", "in", "-o", "old", *SETS, "-f", format_).code == 3
    for name in ("manifest.jsonl", "failures.jsonl"):
        assert Path("old", name).read_bytes() == (stored / name).read_bytes()
        assert without_numbers(Path("out", name)) == without_numbers(stored / name)
    assert config_of(Path("out")) == config_of(stored)
    for path in stored.rglob("*.npy"):
        new = Path("out", path.relative_to(stored)).read_bytes()
        assert (new[:128], len(new)) == (path.read_bytes()[:128], path.stat().st_size)
    check_alike("out", str(stored))


def check_complete(melcli: Command, format_: str) -> None:
    """Finish OUT, and hold it against a new one."""
    assert melcli("extract", "in", "-o", "out", *SETS, "-f", format_).code == 3
    assert melcli("extract", "in", "-o", "out", *SETS, "-f", format_).code == 3
    assert not Path("out/.melcli/journal.jsonl").exists()
    assert signs(melcli("status", "out", "in", "-v").out) == {"a": "=", "b": "=", "bad": "!", "sub/c": "="}
    assert melcli("verify", "out", "--read-data").code == 0
    assert melcli("extract", "in", "-o", "new", *SETS, "-f", format_).code == 3
    check_alike("out", "new")
    skipped = LATER | NUMBERS | {"path", "start", "output_size"}
    for row_id, row in by_id(Path("new")).items():
        assert without(by_id(Path("out"))[row_id], skipped) == without(row, skipped)


def check_alike(out: str, other: str) -> None:
    features, others = open_features(out), open_features(other)
    assert list(features) == list(others) == ["a", "b", "sub/c"]
    for item_id, array in others.items():
        np.testing.assert_allclose(features[item_id], array, rtol=0, atol=CLOSE * float(np.ptp(array)))


def by_id(out: Path) -> dict[str, dict[str, Any]]:
    return {row["id"]: row for row in map(json.loads, (out / "manifest.jsonl").read_text().splitlines())}


def without(row: dict[str, Any], names: set[str]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}


def without_numbers(path: Path) -> str:
    text = re.sub(rf'"({"|".join(LEVELS)})":[^,]*,', "", path.read_text())
    return re.sub(rf'"({"|".join(NUMBERS)})":[^,]*', r'"\1":', text)


def config_of(out: Path) -> str:
    """Return melcli.yaml but for the versions that made it."""
    text = (out / "melcli.yaml").read_text().partition("made_by:")[0]
    text = "".join(line for line in text.splitlines(keepends=True) if line.split(":")[0].strip() not in LATER_KEYS)
    return text.replace(": 1e-10", ": 1.0e-10")  # which some readers of YAML took for a string
