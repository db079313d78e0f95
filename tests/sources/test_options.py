"""Globs that could never fit are refused, and so is a bare string for a list of globs."""

import pytest

from melcli.errors import ConfigError
from melcli.sources.options import SourceOptions


@pytest.mark.parametrize("key", ["include", "exclude"])
@pytest.mark.parametrize("glob", ["", "/", "noise/", "a//b", "./a.wav", "../a.wav", "//a"])
def test_a_glob_that_never_fits_is_refused(key, glob):
    with pytest.raises(ConfigError) as refusal:
        SourceOptions(**{key: ("*.wav", glob)})
    assert str(refusal.value) == f"{key}={glob!r} must be names between single slashes, without '.' and '..'"
    assert refusal.value.key == key


@pytest.mark.parametrize("glob", ["*", "*.wav", "/a.wav", "a/b.wav", "**", "a/**", "...", "[", "a..b"])
def test_a_glob_that_may_fit_is_taken(glob):
    assert SourceOptions(include=(glob,), exclude=[glob]).exclude == (glob,)


def test_one_string_is_no_list_of_globs():
    with pytest.raises(ConfigError, match=r"^include='\*\.wav' must be a list of texts$"):
        SourceOptions(include="*.wav")
