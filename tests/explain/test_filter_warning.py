"""What is said of a legal config: a warning, or a note where the front end that it restates is no other."""

import pytest

from melcli.config.resolve import resolve_config
from melcli.explain.filter_warning import remark_on_filters

EMPTY = "filters 0, 3, 6 and 13 of 128 are empty: "


def remark(name, *, sets=()):
    return remark_on_filters(name, resolve_config(name, sets=sets))


@pytest.mark.parametrize("name", ["keras", "whisper", "hifigan"])
def test_nothing_where_every_filter_has_a_bin(name):
    assert remark(name) == ""


def test_of_a_named_config_it_is_a_note():
    assert remark("torchaudio").startswith(f"note: as in the original of torchaudio, {EMPTY}")


def test_by_an_alias_too():
    assert remark("AST").startswith("note: as in the original of ast, filter 3 of 128 is empty: ")


def test_storing_otherwise_changes_nothing():
    assert remark("torchaudio", sets=["output.dtype=float16"]).startswith("note: as in the original of torchaudio, ")


def test_of_a_changed_config_it_is_a_warning():
    assert remark("torchaudio", sets=["log=ln"]).startswith(f"warning: {EMPTY}")


def test_of_a_file_of_ones_own_it_is_a_warning(write):
    assert remark(write("base: torchaudio\n")).startswith(f"warning: {EMPTY}")
