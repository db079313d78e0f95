"""Names that would steer a terminal, forge a line or are no text at all: kept to the byte, and escaped where shown."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from melcli import open_features
from tests.cli.shell import Ended, run_alone
from tests.run.corpus import LIGHT, plant, rows
from tests.run.invariants import check_finished, check_printed

# The bell, since Click by itself takes sequences of ESC out off a terminal.
STEMS = [
    "new\nline",
    "bell\x07",
    "esc\x1b[31mred",
    "tab\there",
    "latin\udce9",
    "right\u202eleft",
    "-dash",
    " space ",
    "ω",
]


@pytest.fixture
def sounds(tmp_path: Path) -> Path:
    """A good and a bad file of every name."""
    folder = tmp_path / "in\x1b[2J\udcff"
    plant(folder, *[f"{stem}.wav" for stem in STEMS])
    for stem in STEMS:
        (folder / f"bad {stem}.wav").write_bytes(b"")
    return folder


@pytest.mark.parametrize("format_", ["npy", "hdf5"])
def test_names_are_kept_to_the_byte_and_escaped_where_shown(
    melcli: Callable[..., Ended], sounds: Path, tmp_path: Path, format_: str
) -> None:
    out = tmp_path / "out\x1b[31m"
    ended = run_alone("extract", sounds, *LIGHT, "-f", format_, "-v", "--json", out=out)
    assert ended.code == 3
    check_printed(ended.err)
    assert ended.err.count("failed: ") == len(STEMS)
    for shown in (r"bad new\x0aline.wav", r"bad esc\x1b[31mred.wav", r"bad latin\xe9.wav", r"bad right\u202eleft.wav"):
        assert f"/{shown}: the file has 0 bytes [empty]\n" in ended.err
    check_printed(ended.out)
    assert json.loads(ended.out)["out"] == str(out)

    check_finished(out)
    assert set(rows(out)) == {*STEMS, *[f"bad {stem}" for stem in STEMS]}
    assert {row["source"] for row in rows(out).values()} == {str(path) for path in sounds.iterdir()}
    for stem, features in open_features(out).items():
        assert features.shape == (20, 8), stem
    if format_ == "npy":
        assert set(os.listdir(os.fsencode(out))) >= {os.fsencode(f"{stem}.npy") for stem in STEMS}
        np.testing.assert_array_equal(np.load(out / "latin\udce9.npy"), open_features(out)["latin\udce9"])

    again = melcli("extract", sounds, *LIGHT, "-f", format_, "-n", "-o", out)
    check_printed(again.out + again.err)
    assert set(again.out.splitlines()) >= {r"= new\x0aline", r"= latin\xe9", r"! bad esc\x1b[31mred", "= ω"}
    assert [line[0] for line in again.out.splitlines()].count("=") == len(STEMS)


def test_refusals_show_names_escaped(melcli: Callable[..., Ended], sounds: Path, tmp_path: Path) -> None:
    clash = tmp_path / "clash"
    plant(clash, "bell\x07.flac", "bell\x07.wav")
    for arguments in (
        [clash],
        [sounds / "not\x07there"],
        [sounds, "-c", "x\x07"],
        [sounds, "-c", "x\x07.yaml"],
        [sounds, "-s", "x\x07=1"],
        [sounds, "--files-from", "x\x07"],
        [sounds, "--max-failures", "x\x07"],
        [sounds, "--x\x07"],
    ):
        ended = melcli("extract", *arguments, "-o", tmp_path / "out")
        assert ended.code == 2
        check_printed(ended.err)


def test_names_from_a_list(melcli: Callable[..., Ended], sounds: Path, tmp_path: Path) -> None:
    listed = b"".join(os.fsencode(sounds / f"{stem}.wav") + b"\0" for stem in STEMS)
    ended = melcli("extract", "--files-from0", "-", *LIGHT, "-o", tmp_path / "out", stdin=listed)
    assert ended.code == 0
    check_printed(ended.err)
    assert {row["source"] for row in rows(tmp_path / "out").values()} == {str(sounds / f"{stem}.wav") for stem in STEMS}
