"""Names that would steer a terminal, forge a line or are no text at all: kept to the byte, and escaped where shown."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from melcli import open_features
from tests.cli.shell import Ended, run_alone
from tests.run.corpus import LIGHT, plant, rows
from tests.run.invariants import check_finished, check_printed
from tests.tiers import full_but

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

# Hostile to programs, and not to terminals.
ODD_STEMS = [
    *(
        "CON",
        "con",
        "Con",
        "nul.txt",
        "a\\b",
        "$HOME",
        "~",
        "*",
        "?",
        "%s",
        "%00",
        "{0}",
        "#",
        "null",
        "1",
        "'\"",
        "a:b",
    ),
    *(
        "trailing.",
        "trailing..",
        "trailing ",
        " leading",
        "x.npy",
        "x.ch0",
        "manifest.jsonl",
        "melcli.yaml",
        "--help",
        "-",
    ),
    *("caf\xe9", "cafe\u0301", "\ufeff", "\x7f", "\x85", "\u2028", "👩‍👩‍👧", "\U0010ffff", "音声"),
    os.fsdecode(b"\xed\xa0\x80"),  # a surrogate in UTF-8, which is none
    os.fsdecode(b"\xc3\xa9 half \xc3"),
    "n" * 251,
    "\udcff" * 251,
    "é" * 125,
]


@pytest.fixture
def sounds(tmp_path: Path) -> Path:
    """A good and a bad file of every name."""
    folder = tmp_path / "in\x1b[2J\udcff"
    plant(folder, *[f"{stem}.wav" for stem in STEMS])
    for stem in STEMS:
        (folder / f"bad {stem}.wav").write_bytes(b"")
    return folder


@pytest.mark.full
@pytest.mark.parametrize("format_", full_but(["npy", "hdf5"], "hdf5"))
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

    again = melcli("extract", sounds, *LIGHT, "-f", format_, "-nv", "-o", out)
    check_printed(again.out + again.err)
    assert set(again.out.splitlines()) >= {r"= new\x0aline", r"= latin\xe9", r"! bad esc\x1b[31mred", "= ω"}
    assert [line[0] for line in again.out.splitlines()].count("=") == len(STEMS)


@pytest.mark.parametrize("options", [["-f", "npy"], ["-f", "hdf5"], ["--keep-extension"]])
def test_odd_names_are_kept_to_the_byte(melcli: Callable[..., Ended], tmp_path: Path, options: list[str]) -> None:
    sound, out = plant(tmp_path, "a.wav")[0].read_bytes(), tmp_path / "out"
    short = [stem for stem in ODD_STEMS if len(os.fsencode(stem)) < 240 or "--keep-extension" not in options]
    ids = {os.fsencode(f"x/{stem}" if number % 2 else stem) for number, stem in enumerate(short)}
    (tmp_path / "in" / "x").mkdir(parents=True)
    for item_id in ids:
        (tmp_path / "in" / os.fsdecode(item_id + b".wav")).write_bytes(sound)
    ended = melcli("extract", tmp_path / "in", *LIGHT, *options, "-o", out)
    assert ended.code == 0
    check_printed(ended.err)
    check_finished(out)

    ending = b".wav" if "--keep-extension" in options else b""
    assert {os.fsencode(row_id) for row_id in rows(out)} == {item_id + ending for item_id in ids}
    for row_id, row in rows(out).items():
        stem = os.fsencode(row_id).removesuffix(ending)
        assert os.fsencode(row["source"]) == os.fsencode(tmp_path / "in") + b"/" + stem + b".wav"
    features = open_features(out)
    assert {os.fsencode(item_id) for item_id in features} == {item_id + ending for item_id in ids}
    first = features[next(iter(features))]
    assert all(np.array_equal(one, first) for one in features.values())
    if "hdf5" in options:
        stored: set[bytes] = set()
        for path in out.glob("*.h5"):
            with h5py.File(path, locking=False) as shard:
                stored.update(bytes(name) for name in shard["ids"][:])
    else:
        below = os.path.join(os.fsencode(out), b"")
        files = [os.path.join(above, name) for above, _, names in os.walk(below) for name in names]
        stored = {path.removeprefix(below).removesuffix(b".npy") for path in files if path.endswith(b".npy")}
    assert stored == {item_id + ending for item_id in ids}
    assert f"({len(ids)} unchanged)" in melcli("extract", tmp_path / "in", *LIGHT, *options, "-o", out).err


def test_names_that_do_not_fit_are_refused_before_any_work(melcli: Callable[..., Ended], tmp_path: Path) -> None:
    plant(tmp_path / "in", "a.wav")
    (tmp_path / "in" / f"{'n' * 251}.wav").symlink_to("a.wav")
    out = tmp_path / "out"
    assert melcli("extract", tmp_path / "in", *LIGHT, "-o", out, "-n").code == 0
    for options in (["--keep-extension"], ["-s", "channels=each"]):
        ended = melcli("extract", tmp_path / "in", *LIGHT, *options, "-o", out)
        assert (ended.code, ended.out) == (2, "")
        assert ended.err.endswith(" bytes, but file systems allow 255\n")
    assert not out.exists()
    assert melcli("extract", tmp_path / "in", *LIGHT, "--keep-extension", "-f", "hdf5", "-o", out).code == 0


def test_names_with_a_dash_and_globs_of_the_shell(
    melcli: Callable[..., Ended], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for path in plant(tmp_path, "a.wav"):
        for name in ("-dash.wav", "--help.wav", "-", "-n"):
            (tmp_path / name).write_bytes(path.read_bytes())
    names = sorted(os.listdir())
    assert melcli("extract", *LIGHT, "-o", "out", "--", *names).code == 0
    assert set(rows(tmp_path / "out")) == {"-dash", "--help", "-", "-n", "a"}
    assert melcli("extract", *LIGHT, "-o", "again", *[f"./{name}" for name in names]).code == 0
    assert set(rows(tmp_path / "again")) == set(rows(tmp_path / "out"))
    listed = "\n".join(names).encode()
    assert melcli("extract", *LIGHT, "-o", "listed", "--files-from", "-", stdin=listed).code == 0
    assert set(rows(tmp_path / "listed")) == set(rows(tmp_path / "out"))


def test_links_to_folders(melcli: Callable[..., Ended], tmp_path: Path) -> None:
    plant(tmp_path / "in", "a.wav")
    plant(tmp_path / "far", "b.wav")
    (tmp_path / "in" / "far").symlink_to("../far")
    (tmp_path / "far" / "loop").symlink_to("../in")
    out = tmp_path / "in" / "out"
    (tmp_path / "far" / "features").symlink_to(out)
    ended = melcli("extract", tmp_path / "in", *LIGHT, "-o", out)
    assert ended.code == 0
    assert "skipped 1: 1 link to a folder\n" in ended.err
    assert set(rows(out)) == {"a"}
    for _ in range(2):
        ended = melcli("extract", tmp_path / "in", *LIGHT, "--include", "*", "-o", out, "--follow-symlinks")
        assert ended.code == 0
        assert "skipped 3: 1 folder already found, 2 output folders\n" in ended.err
        assert set(rows(out)) == {"a", "far/b"}


def test_everything_listed_with_features_among_it(
    melcli: Callable[..., Ended], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As by ``find . -print0``, whose second list holds all that the first run wrote."""
    monkeypatch.chdir(tmp_path)
    plant(tmp_path, "d/a.wav", "b.wav")
    for _ in range(3):
        listed = b"".join(os.fsencode(path) + b"\0" for path in [Path(), *Path().rglob("*")])
        ended = melcli("extract", *LIGHT, "--files-from0", "-", "-o", "out", stdin=listed)
        assert ended.code == 0
        assert set(rows(tmp_path / "out")) == {"b", "d/a"}


def test_refusals_show_names_escaped(melcli: Callable[..., Ended], sounds: Path, tmp_path: Path) -> None:
    clash = tmp_path / "clash"
    plant(clash, "bell\x07.flac", "bell\x07.wav")
    long = tmp_path / "long"
    plant(long, f"\x07{'n' * 250}.wav")
    for arguments in (
        [clash],
        [long, "--keep-extension"],
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
