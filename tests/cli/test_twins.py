"""Inputs whose names differ in case or Unicode form alone, on an OUT that does not distinguish them."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest

from melcli.store.filename_probe import FilenameProbe
from tests.cli.shell import Ended
from tests.run.corpus import LIGHT, plant, rows, tree


@pytest.fixture
def folding(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let OUT's file system take names for one that differ in case or form."""

    def key(name: str) -> str:
        return unicodedata.normalize("NFD", unicodedata.normalize("NFD", name).casefold())

    monkeypatch.setattr(FilenameProbe, "_distinguishes", lambda self, name, twin: key(name) != key(twin))


TWINS = [("a.wav", "A.wav"), ("x/caf\xe9.wav", "x/cafe\u0301.wav"), ("x/a.wav", "X/a.wav")]


@pytest.mark.parametrize("names", TWINS)
def test_twins_are_two_where_out_tells_them_apart(
    melcli: Callable[..., Ended], tmp_path: Path, names: list[str]
) -> None:
    plant(tmp_path / "in", *names)
    assert melcli("extract", tmp_path / "in", *LIGHT, "-o", tmp_path / "out").code == 0
    assert set(rows(tmp_path / "out")) == {os.path.splitext(name)[0] for name in names}


@pytest.mark.parametrize("names", TWINS)
def test_twins_are_refused_before_any_work_where_it_does_not(
    melcli: Callable[..., Ended], tmp_path: Path, folding: None, names: list[str]
) -> None:
    out = tmp_path / "out"
    plant(tmp_path / "in", *names)
    ended = melcli("extract", tmp_path / "in", *LIGHT, "-o", out)
    assert ended.code == 2
    assert " would be one file under OUT, whose file system does not distinguish them\nhint: " in ended.err
    assert ended.err.count("\n") == 2
    assert tree(out) == {}
    assert melcli("extract", tmp_path / "in", *LIGHT, "-o", out, "-f", "hdf5").code == 0


def test_an_input_cannot_overwrite_the_features_of_one_that_is_gone(
    melcli: Callable[..., Ended], tmp_path: Path, folding: None
) -> None:
    out = tmp_path / "out"
    (path,) = plant(tmp_path / "in", "a.wav")
    assert melcli("extract", tmp_path / "in", *LIGHT, "-o", out).code == 0
    before = tree(out)
    path.rename(path.with_name("A.wav"))
    assert melcli("extract", tmp_path / "in", *LIGHT, "-o", out).code == 2
    assert tree(out) == before
