"""What globs and extensions say to a name."""

from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from melcli.sources.options import SourceOptions
from melcli.sources.selection import Selection

GLOBS = [
    # without a slash: the last part, at any depth
    ("*.wav", "a.wav", True),
    ("*.wav", "x/y/a.wav", True),
    ("*.wav", "a.WAV", False),
    ("a*", "a/b.wav", False),
    ("[!a]?.wav", "x/bc.wav", True),
    ("[!a]?.wav", "x/ab.wav", False),
    ("[", "[", True),
    ("*", "x/line\nbreak.wav", True),
    ("\udcff*", "\udcffa.wav", True),
    ("**", "x/a.wav", True),
    # with a slash: the whole name, and stars stay between slashes
    ("train/*.wav", "train/a.wav", True),
    ("train/*.wav", "train/x/a.wav", False),
    ("train/*.wav", "old/train/a.wav", False),
    ("/a.wav", "a.wav", True),
    ("/a.wav", "x/a.wav", False),
    ("*/?.wav", "x/a.wav", True),
    ("x?y/a.wav", "x/y/a.wav", False),
    ("x[/]y", "x/y", False),
    # ** is any number of folders
    ("**/a.wav", "a.wav", True),
    ("**/a.wav", "x/y/a.wav", True),
    ("**/a.wav", "x/ba.wav", False),
    ("train/**", "train", True),
    ("train/**", "train/x/a.wav", True),
    ("train/**", "trainer/a.wav", False),
    ("a/**/b/**/c.wav", "a/b/c.wav", True),
    ("a/**/b/**/c.wav", "a/x/b/y/z/c.wav", True),
    ("a/**/b/**/c.wav", "a/x/c.wav", False),
    ("a/x**/c", "a/xy/c", True),
    ("a/x**/c", "a/xy/z/c", False),
]


@pytest.mark.parametrize("glob, name, fits", GLOBS)
def test_a_glob_fits_what_it_is_said_to_fit(glob, name, fits):
    assert Selection(SourceOptions(exclude=(glob,))).excludes(name) is fits
    assert Selection(SourceOptions(include=(glob,))).selects(name) is fits
    assert Selection(SourceOptions(include=(glob,))).selects_named(name) is fits


@given(st.text("ab*?[]!-.\n", min_size=1), st.text("ab[]!-.\n", min_size=1))
def test_a_glob_without_a_slash_is_fnmatchcase(glob, name):
    if glob in {".", ".."}:
        return
    assert Selection(SourceOptions(include=(glob,))).selects(f"x/{name}") is fnmatchcase(name, glob)


@pytest.mark.parametrize("name, taken", [("x/a.wav", True), ("A.FlAc", True), ("a.txt", False), ("wav", False)])
def test_without_include_the_extension_says_which_files_of_a_folder_are_taken(name, taken):
    selection = Selection(SourceOptions(exclude=("*.txt",)))
    assert selection.selects(name) is taken
    assert selection.selects_named(name) is True


def test_any_one_of_the_globs_is_enough():
    selection = Selection(SourceOptions(include=("*.sph", "*.raw"), exclude=("a*", "b*")))
    assert [selection.selects(f"x.{kind}") for kind in ("sph", "raw", "wav")] == [True, True, False]
    assert [selection.excludes(f"{letter}.sph") for letter in "abc"] == [True, True, False]


@pytest.mark.parametrize(
    "glob, name, excluded",
    [
        ("noise", "x/noise/y/a.wav", True),
        ("x/noise", "x/noise/a.wav", True),
        ("noise", "x/a.wav", False),
        ("*", "", False),
    ],
)
def test_a_path_is_excluded_with_any_folder_above_it(glob, name, excluded):
    assert Selection(SourceOptions(exclude=(glob,))).excludes_path(name) is excluded
