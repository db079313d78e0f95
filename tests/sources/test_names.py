"""Names below an INPUT, ids and extensions."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from melcli.sources.names import AUDIO_EXTENSIONS, UNDECODED_EXTENSIONS, extension, item_id, listed_name


@pytest.mark.parametrize(
    "name, kept, without",
    [
        ("a.wav", "a.wav", "a"),
        ("a/b.c.wav", "a/b.c.wav", "a/b.c"),
        ("a.b/c", "a.b/c", "a.b/c"),
        (".wav", ".wav", ".wav"),
        ("a/..wav", "a/..wav", "a/..wav"),
        ("a.\n", "a.\n", "a"),
    ],
)
def test_an_id_is_the_name_without_its_extension_unless_that_is_kept(name, kept, without):
    assert item_id(name, keep_extension=True) == kept
    assert item_id(name, keep_extension=False) == without


@pytest.mark.parametrize("name, kind", [("a.WAV", ".wav"), ("a.b/c", ""), (".wav", ""), ("a.tar.gz", ".gz")])
def test_an_extension_is_in_lower_case(name, kind):
    assert extension(name) == kind


@pytest.mark.parametrize(
    "path, name",
    [
        ("data/a.wav", "data/a.wav"),
        ("./data/a.wav", "data/a.wav"),
        ("/data/a.wav", "data/a.wav"),
        ("//data//a.wav", "data/a.wav"),
        ("../../data/./a.wav", "data/a.wav"),
        ("/../data/a.wav", "data/a.wav"),
        ("data/x/../a.wav", "data/a.wav"),
        ("x/../../data/a.wav", "data/a.wav"),
        ("...", "..."),
        ("data/", "data"),
        (".", ""),
        ("..", ""),
        ("/", ""),
    ],
)
def test_a_listed_path_is_named_as_written_without_what_leads_out(path, name):
    assert listed_name(path) == name


@given(st.binary(min_size=1).filter(lambda path: 0 not in path), st.booleans())
def test_no_listed_path_leads_out_or_to_a_part_that_is_no_name(path, keep_extension):
    name = listed_name(os.fsdecode(path))
    assert not {".", ".."} & set(name.split("/"))
    if name:
        parts = item_id(name, keep_extension=keep_extension).split("/")
        assert not {"", ".", ".."} & set(parts)


@pytest.mark.parametrize("name", ["..wav", "...wav", ". .wav", "..a.wav", " .wav", "a..wav", "a .wav", "x/..wav"])
def test_no_file_has_an_id_that_is_no_name(name):
    assert not {"", ".", ".."} & set(item_id(name, keep_extension=False).split("/"))


def test_the_formats_of_the_contract_are_audio():
    assert {".wav", ".flac", ".ogg", ".opus", ".mp3", ".aiff", ".au", ".caf", ".w64", ".rf64"} <= AUDIO_EXTENSIONS
    assert {".mp2", ".sph"} <= AUDIO_EXTENSIONS
    assert all(kind == kind.lower() and kind.startswith(".") for kind in AUDIO_EXTENSIONS)
    assert not {".txt", ".m4a", ".npy", ".h5"} & AUDIO_EXTENSIONS


def test_audio_that_needs_another_decoder_is_known_too():
    assert {".m4a", ".mp4", ".aac", ".wma", ".webm", ".amr", ".ape", ".wv", ".ac3", ".spx"} <= UNDECODED_EXTENSIONS
    assert all(kind == kind.lower() and kind.startswith(".") for kind in UNDECODED_EXTENSIONS)
    assert not UNDECODED_EXTENSIONS & AUDIO_EXTENSIONS
    assert not {".txt", ".npy", ".ts", ".m3u", ".jpg"} & UNDECODED_EXTENSIONS


@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("name", ["a.m4a", "x.y/A.MP4", "a.wav.webm"])
def test_what_needs_another_decoder_keeps_its_extension(name, keep):
    assert item_id(name, keep_extension=keep) == name


@pytest.mark.parametrize("name", ["x" * 251 + ".mp4", "ü" * 124 + ".webm", os.fsdecode(b"\xff" * 250) + ".mp4"])
def test_a_name_that_out_could_not_take_is_shortened(name):
    """Such a video must not stop a run over the recordings beside it."""
    shortened = item_id(f"d/{name}", keep_extension=False)
    assert len(os.fsencode(f"{shortened}.2.ch00.npy".removeprefix("d/"))) <= 255
    assert shortened.startswith(f"d/{name[:20]}")
    assert shortened.endswith(name[-4:])
    assert shortened != item_id(f"d/y{name[1:]}", keep_extension=False)
    assert shortened != item_id(f"d/{name[:240]}y{name[241:]}", keep_extension=False)
