"""What reaches a terminal or a log is one line that steers nothing and can be encoded."""

import doctest
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

import melcli.printable
from melcli.printable import printable


@pytest.mark.parametrize(
    "text, shown",
    [
        ("a\nb", "a\\x0ab"),
        ("a\tb", "a\\x09b"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("\x7f", "\\x7f"),
        ("\x9b31m", "\\u009b31m"),  # the one-character CSI of an 8-bit terminal
        ("\udcff\udc80", "\\xff\\x80"),
        ("\ud800\udc7f\udd00", "\\ud800\\udc7f\\udd00"),  # never from a name: os.fsdecode makes none of these
        ("\u202evaw.exe", "\\u202evaw.exe"),
        ("\u2066\u2069\u200e\u200f\u061c", "\\u2066\\u2069\\u200e\\u200f\\u061c"),
        ("a\u2028b\u2029c", "a\\u2028b\\u2029c"),
        ("\x00", "\\x00"),
        ("a\u200bb\ufeff\u00ad", "a\\u200bb\\ufeff\\u00ad"),
        ("\U000e0041", "\\U000e0041"),
    ],
)
def test_what_steers_is_escaped(text, shown):
    assert printable(text) == shown


@pytest.mark.parametrize(
    "text", ["", "plain name.wav", "naïve Ωμέγα 音声 صوت שלום", "👩‍👩‍👧", "a\u200cb", "back\\slash", "\u00a0"]
)
def test_ordinary_text_of_any_script_is_left_alone(text):
    assert printable(text) == text


@given(st.text(st.characters()))
def test_any_text_becomes_one_line_of_utf8(text):
    shown = printable(text)
    assert len(shown.encode().decode().splitlines()) <= 1
    assert not any(unicodedata.category(character) == "Cc" for character in shown)
    assert printable(shown) == shown


@given(st.binary())
def test_bytes_that_are_not_utf8_show_as_their_value(name):
    shown = printable(name.decode("utf-8", "surrogateescape"))
    for byte in name:
        if byte in {0xC0, 0xC1, *range(0xF5, 0x100)}:  # never part of UTF-8
            assert f"\\x{byte:02x}" in shown


def test_the_example_holds():
    assert doctest.testmod(melcli.printable) == (0, 1)
