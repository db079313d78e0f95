"""The streams of an Ogg file, and how they end."""

from __future__ import annotations

import pytest

from melcli.audio import ogg
from melcli.audio.ogg import OggEnding, end_of_ogg
from tests.audio.ogg_builder import page, reader


def ending(data: bytes) -> OggEnding:
    return end_of_ogg(reader(data), len(data))


def shortfall(data: bytes) -> str:
    return ending(data).shortfall


def bounds(data: bytes) -> list[tuple[int, int]]:
    return [(section.start, section.end) for section in ending(data).sections]


OTHER = b"\2\0\0\0"
BEGIN, MIDDLE, END = page(2, b"head"), page(0, b"x" * 60_000, granule=960), page(4, b"y" * 100, granule=1920)
WHOLE = BEGIN + MIDDLE + END
OTHER_WHOLE = page(2, b"head", serial=OTHER) + page(4, b"z" * 100, serial=OTHER, granule=480)
NO_FLAG = "the last Ogg page lacks the end-of-stream flag"


def test_whole():
    assert shortfall(WHOLE) == ""
    assert shortfall(page(2 | 4)) == ""
    assert shortfall(WHOLE + b"TAG of some program") == ""
    assert [dict(section.granules) for section in ending(WHOLE).sections] == [{1: 1920}]


@pytest.mark.parametrize("missing", [1, 50, 100, 101, 120])
def test_cut_in_the_last_page(missing):
    assert shortfall(WHOLE[:-missing]) == "the file ends inside an Ogg page"


@pytest.mark.parametrize("rest", [b"", b"O", b"Ogg"])
def test_cut_between_pages(rest):
    assert shortfall(BEGIN + MIDDLE + rest) == NO_FLAG


def test_streams_side_by_side():
    data = BEGIN + page(2, b"", serial=OTHER) + MIDDLE + END + page(4, b"", serial=OTHER)
    assert shortfall(data) == ""
    assert bounds(data) == [(0, len(data))]


@pytest.mark.parametrize("second", [WHOLE, OTHER_WHOLE], ids=["same serial", "another serial"])
def test_streams_one_after_another(second):
    data = WHOLE + second
    assert shortfall(data) == ""
    assert bounds(data) == [(0, len(WHOLE)), (len(WHOLE), len(data))]


def test_a_stream_of_a_chain_without_its_end():
    assert shortfall(BEGIN + MIDDLE + WHOLE) == NO_FLAG
    assert bounds(BEGIN + MIDDLE + END[:-20] + OTHER_WHOLE)[1][0] == len(BEGIN + MIDDLE + END) - 20


def test_a_stream_of_headers_alone_is_left_out():
    assert bounds(WHOLE + BEGIN) == [(0, len(WHOLE))]
    assert shortfall(WHOLE + BEGIN) == NO_FLAG
    assert bounds(BEGIN) == [(0, len(BEGIN))]


def test_a_stream_without_its_beginning():
    stray = page(4, b"", serial=OTHER, granule=5)
    message = "the Ogg page at byte {:,} belongs to a stream whose beginning is missing"
    assert shortfall(WHOLE + stray) == message.format(len(WHOLE))
    assert shortfall(MIDDLE + END) == message.format(0)


@pytest.mark.parametrize("at", [0, 1, 3], ids=["first", "first with audio", "last"])
def test_damage_that_the_claimed_length_does_not_show(at):
    every = [BEGIN, MIDDLE, page(0, b"w", granule=1000), END]
    offset = sum(map(len, every[:at]))
    every[at] = every[at][:-1] + b"!"
    assert shortfall(b"".join(every)) == f"the Ogg page at byte {offset:,} is damaged: its checksum is wrong"


def test_a_page_that_is_none_any_more_and_junk_between_pages():
    pages = [page(2), page(0, b"x" * 500, granule=960, sequence=1), page(4, b"y", granule=1920, sequence=2)]
    damaged = [pages[0], pages[1].replace(b"OggS", b"OgxS"), pages[2]]
    assert shortfall(b"".join(damaged)) == f"the Ogg page at byte {len(pages[0])} is damaged"
    assert shortfall(b"junk".join(pages)) == ""


def test_streams_are_counted(monkeypatch):
    monkeypatch.setattr(ogg, "MAX_STREAMS", 3)
    assert shortfall(OTHER_WHOLE * 3) == ""
    assert shortfall(OTHER_WHOLE * 9) == "it contains more than 3 Ogg streams"
    assert bounds(OTHER_WHOLE * 9) == bounds(OTHER_WHOLE * 3)


@pytest.mark.parametrize(
    "magic, coding", [(b"\x7fFLAC", "FLAC"), (b"Speex   ", "Speex"), (b"\x80theora", "Theora video"), (b"?", "")]
)
def test_codings_that_libsndfile_does_not_read_in_ogg(magic, coding):
    stream = page(2, magic + bytes(40)) + page(4, b"", granule=5)
    assert ending(stream).undecoded == coding
    assert ending(OTHER_WHOLE + stream).undecoded == coding


def test_a_section_begins_with_its_audio():
    skeleton, video = page(2, b"fishead\0"), page(2, b"\x80theora", serial=b"\3\0\0\0")
    audio = page(2, b"\x01vorbis", serial=OTHER) + page(4, b"", serial=OTHER, granule=5)
    data = skeleton + video + audio
    assert bounds(data) == [(len(skeleton + video), len(data))]
    assert ending(data).undecoded == ""
    assert ending(video + page(2, b"Speex   ") + audio).undecoded == "Speex"
    assert ending(audio[: -len(page(4, b""))] + page(2, b"Speex   ") + page(4, b"", serial=OTHER)).undecoded == ""
