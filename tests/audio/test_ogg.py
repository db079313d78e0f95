"""Ogg pages at the end of a file."""

from __future__ import annotations

import pytest

from melcli.audio.ogg import end_of_ogg


def page(flags: int, content: int = 100, serial: bytes = b"\1\0\0\0") -> bytes:
    full, rest = divmod(content, 255)
    lacing = bytes([255] * full + [rest])
    return b"OggS\0" + bytes([flags]) + bytes(8) + serial + bytes(8) + bytes([len(lacing)]) + lacing + bytes(content)


def shortfall(data: bytes) -> str:
    return end_of_ogg(lambda offset, size: data[offset : offset + size], len(data)).shortfall


BEGIN, MIDDLE, END = page(2), page(0, 60_000), page(4)


def test_whole():
    assert shortfall(BEGIN + MIDDLE + END) == ""
    assert shortfall(page(2 | 4)) == ""
    assert shortfall(BEGIN + MIDDLE + END + b"TAG of some program") == ""


@pytest.mark.parametrize("missing", [1, 50, 100, 101, 120])
def test_cut_in_the_last_page(missing):
    assert shortfall((BEGIN + MIDDLE + END)[:-missing]) == "the file ends inside an Ogg page"


@pytest.mark.parametrize("rest", [b"", b"O", b"Ogg"])
def test_cut_between_pages(rest):
    assert shortfall(BEGIN + MIDDLE + rest) == "the last Ogg page does not carry the end-of-stream flag"


def test_streams_side_by_side_and_one_after_another():
    other = b"\2\0\0\0"
    assert shortfall(BEGIN + page(2, serial=other) + MIDDLE + END + page(4, serial=other)) == ""
    assert shortfall(BEGIN + MIDDLE + END + page(2, serial=other) + page(4, serial=other)) == (
        "it is a chain of Ogg streams, and libsndfile reads only the first"
    )
