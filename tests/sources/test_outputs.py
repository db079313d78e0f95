"""What melcli writes under OUT is known as such, whatever way leads there."""

import os

import pytest

from melcli.sources.names import AUDIO_EXTENSIONS, UNDECODED_EXTENSIONS
from melcli.sources.outputs import OUTPUT_EXTENSIONS, OWN_FOLDER, Outputs
from melcli.store import layout


def test_it_knows_all_that_is_written_under_out():
    written = [layout.npy_name("a"), layout.shard_name(0), layout.MANIFEST_FILE, layout.FAILURES_FILE]
    assert {os.path.splitext(name)[1] for name in [*written, layout.CONFIG_FILE]} == OUTPUT_EXTENSIONS
    assert not OUTPUT_EXTENSIONS & (AUDIO_EXTENSIONS | UNDECODED_EXTENSIONS)
    assert layout.own_folder("") == OWN_FOLDER


@pytest.mark.parametrize(
    "folder, within",
    [
        ("out", True),
        ("./x/../out/", True),
        ("out/x", True),
        ("out/gone/deeper", True),
        ("link", True),
        ("link/x", True),
        ("to_x", True),
        (".", False),
        ("x", False),
        ("outer", False),
        ("out/away", False),
        ("gone", False),
    ],
)
def test_a_folder_is_in_out_when_its_real_path_is(plant, folder, within):
    plant("out/x/a.npy", "x/a.wav", "outer/a.wav")
    os.symlink("out", "link")
    os.symlink("out/x", "to_x")
    os.symlink("../x", "out/away")
    assert Outputs("out").contains(folder) is Outputs("link/").contains(folder) is within
    assert Outputs("out").contains(folder) is within


def test_nothing_is_in_an_out_that_is_not_there(plant):
    plant("a.wav")
    assert not Outputs("out").contains("out/x")
    assert not Outputs("out").is_out(os.stat("."))


@pytest.mark.parametrize(
    "path, own",
    [
        ("out/a.npy", True),
        ("out/x/A.NPY", True),
        ("link/manifest.jsonl", True),
        ("out/.melcli/lock", True),
        ("out/a.wav", False),
        ("a.npy", False),
        (".melcli/lock", False),
    ],
)
def test_a_file_is_melclis_own_under_out_by_extension_or_folder(plant, path, own):
    plant("out/a.npy", "out/x/A.NPY", "out/manifest.jsonl", "out/.melcli/lock", "a.npy", ".melcli/lock")
    os.symlink("out", "link")
    assert Outputs("out").is_output(path) is own
