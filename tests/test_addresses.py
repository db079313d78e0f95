"""URLs are refused wherever a path is expected, before anything is made or opened."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from melcli.addresses import refuse_url
from melcli.errors import ConfigError
from tests.cli.shell import Ended
from tests.run.corpus import LIGHT, plant

Command = Callable[..., Ended]

RULE = (
    "is a URL: melcli reads and writes local files only; "
    "copy the files from or to a local folder, or mount the storage as a folder"
)


@pytest.mark.parametrize("url", ["s3://b/x", "HTTPS://h", "file:///d", "git+ssh://h/x", "a://", "s3://b\x1b"])
def test_a_url_is_refused(url):
    with pytest.raises(ConfigError) as raised:
        refuse_url("OUT", url)
    assert str(raised.value) == f"OUT {url} {RULE}".replace("\x1b", "\\x1b")


@pytest.mark.parametrize("path", ["./s3://b", "/s3://b", "s3:/b", "s3:", "C:\\x", "1a://b", "a b://c", "", "x/s3://b"])
def test_a_path_is_none(path):
    refuse_url("OUT", path)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    plant(tmp_path, "in/a.wav", seconds=0.1)
    (tmp_path / "list").write_text("in/a.wav\ns3://b/b.wav\n")
    (tmp_path / "base.yaml").write_text("base: s3://b/c.yaml\n")
    return tmp_path


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["extract", "s3://b/in", "-o", "out"], "INPUT s3://b/in"),
        (["extract", "in", "-o", "s3://b/out"], "OUT s3://b/out"),
        (["extract", "in", "-o", "s3://b/out", "-n"], "OUT s3://b/out"),
        (["extract", "--files-from", "list", "-o", "out"], "listed path s3://b/b.wav"),
        (["extract", "--files-from", "s3://b/list", "-o", "out"], "list s3://b/list"),
        (["extract", "--files-from0", "s3://b/list", "-o", "out"], "list s3://b/list"),
        (["extract", "in", "-c", "s3://b/c.yaml", "-o", "out"], "config s3://b/c.yaml"),
        (["extract", "in", "-c", "base.yaml", "-o", "out"], "base.yaml:1: config s3://b/c.yaml"),
        (["config", "show", "s3://b/c"], "config s3://b/c"),
        (["config", "check", "s3://b/c"], "config s3://b/c"),
        (["status", "s3://b/out"], "OUT s3://b/out"),
        (["status", "out", "s3://b/in", "-c", "keras"], "INPUT s3://b/in"),
        (["verify", "s3://b/out"], "OUT s3://b/out"),
        (["doctor", "s3://b/out"], "OUT s3://b/out"),
        (["compare", "s3://b/one", "in"], "A s3://b/one"),
        (["compare", "in", "s3://b/other"], "B s3://b/other"),
        (["identify", "s3://b/a.wav", "a.npy"], "AUDIO and FEATURES s3://b/a.wav"),
        (["identify", "in/a.wav", "s3://b/a.npy"], "AUDIO and FEATURES s3://b/a.npy"),
    ],
)
def test_every_command_refuses_it_before_any_work(melcli: Command, folder: Path, arguments: list[str], said: str):
    (folder / "out").mkdir()
    before = sorted(os.listdir(folder))
    ended = melcli(*arguments)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.splitlines() == f"melcli: error: {said} {RULE}".replace("; ", "\nhint: ").splitlines()
    assert sorted(os.listdir(folder)) == before
    assert os.listdir(folder / "out") == []


def test_the_refusal_is_json_where_that_was_asked_for(melcli: Command, folder: Path):
    ended = melcli("extract", "in", "-o", "s3://b/out", "--json")
    told = json.loads(ended.out)
    assert (told["error"], told["exit_code"]) == (f"OUT s3://b/out {RULE}", 2)


def test_a_folder_that_is_called_like_a_url_is_one(melcli: Command, folder: Path):
    (folder / "in").rename("s3:")
    (folder / "list").write_text("./s3://a.wav\n")
    assert melcli("extract", "./s3://", *LIGHT, "-o", "./s3://out").code == 0
    assert (folder / "s3:" / "out" / "a.npy").exists()
    assert melcli("extract", f"{folder}/s3://a.wav", "--files-from", "list", *LIGHT, "-o", f"{folder}/o").code == 0
    assert (folder / "o" / "s3:" / "a.npy").exists()
