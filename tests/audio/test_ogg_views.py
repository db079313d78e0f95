"""What libsndfile is shown of an Ogg file."""

from __future__ import annotations

import pytest

from melcli.audio.ogg import end_of_ogg
from melcli.audio.ogg_pages import pages
from melcli.audio.ogg_views import ogg_views
from melcli.audio.opus import opus_head
from melcli.audio.view import Extent, View
from tests.audio.ogg_builder import opus_header, page, reader

PACKET = bytes([31 << 3])  # 20 ms
TAGS = b"OpusTags" + bytes(8)


def views(data: bytes, **options: object) -> tuple[View, ...] | None:
    return ogg_views(reader(data), end_of_ogg(reader(data), len(data)), **options)


def shown(view: View, data: bytes) -> bytes:
    """Return the bytes that libsndfile sees."""
    pieces = (data[p.offset : p.offset + p.size] if isinstance(p, Extent) else p for p in view.pieces)
    return b"".join(pieces)


def header(view: View, data: bytes):
    first = next(pages(reader(shown(view, data)), 0, len(data)))
    assert first.is_intact
    return opus_head(first.data[first.content_at :])


def opus(*granules: int, num_packets: int = 10, tags: bytes = TAGS, **head: int) -> bytes:
    """Build a stream whose pages with audio end at these granule positions."""
    flags = [0] * (len(granules) - 1) + [4]
    audio = (page(flag, *[PACKET] * num_packets, granule=at) for flag, at in zip(flags, granules, strict=True))
    return page(2, opus_header(**head)) + page(0, tags) + b"".join(audio)


def test_an_ordinary_stream_is_shown_as_it_is():
    assert views(opus(9600, 19_200)) is None
    assert views(opus(9600, 19_200) + b"TAG" + bytes(200)) is None
    assert views(opus(9000)) is None  # its only page of audio drops 600 samples at the end


@pytest.mark.parametrize("start", [1, 100, 312, 313, 4_800_000])
def test_a_stream_whose_positions_do_not_start_at_0(start):
    data = opus(start + 9600, start + 19_000)
    (view,) = views(data)
    assert header(view, data).pre_skip == 0
    assert (view.skip_samples, view.num_samples) == (312, 19_000 - 312)


def test_only_the_header_is_held_in_memory():
    (view,) = views(opus(*range(109_600, 1_000_000, 9600)))
    assert [type(piece) for piece in view.pieces] == [bytes, Extent]


def test_samples_at_the_rate_of_decoding():
    (view,) = views(opus(109_600, 119_001, rate_hz=16_000))
    assert (view.skip_samples, view.num_samples) == (104, (19_001 - 312) // 3)
    (view,) = views(opus(109_600, 119_001, rate_hz=16_000), opus_rate=48_000)
    assert (view.skip_samples, view.num_samples) == (312, 19_001 - 312)


def test_the_only_page_of_audio_in_the_middle_of_time():
    data = opus(109_600)
    (view,) = views(data)
    assert [found.granule for found in pages(reader(shown(view, data)), 0, len(data))] == [0, 0, 9600]
    assert view.num_samples == 9600 - 312


def test_less_than_the_pre_skip():
    (view,) = views(opus(9600, pre_skip=12_000))
    assert view.num_samples == 0


def test_tags_over_several_pages():
    head, audio = page(2, opus_header()), page(4, PACKET, PACKET, granule=101_920)
    tags = page(0, TAGS + bytes(510 - len(TAGS)), goes_on=True, granule=-1) + page(1, b"", granule=0)
    (view,) = views(head + tags + audio)
    assert view.num_samples == 1920 - 312


@pytest.mark.parametrize("rate_hz", [0, 8_000])
def test_opus_rate(rate_hz):
    data = opus(9600, 19_200, rate_hz=rate_hz)
    (view,) = views(data, opus_rate=48_000)
    assert header(view, data) == (312, 48_000)
    assert (view.skip_samples, view.num_samples) == (0, None)
    assert views(opus(9600, rate_hz=44_100), opus_rate=48_000) is None


def test_an_unknown_input_rate_stands_for_48_khz():
    data = opus(9600, 19_200, rate_hz=0)
    (view,) = views(data)
    assert header(view, data).input_rate_hz == 48_000


def test_a_chain_is_shown_stream_by_stream():
    first, second = opus(9600), opus(109_600, 119_200)
    chain = views(first + second)
    assert [shown(view, first + second)[:20] for view in chain] == [first[:20], second[:20]]
    assert shown(chain[0], first + second) == first
    assert (chain[1].skip_samples, chain[1].num_samples) == (312, 19_200 - 312)


def test_opus_beside_another_stream():
    other = b"\2\0\0\0"
    begin, *rest = page(2, opus_header()), page(0, TAGS), page(4, *[PACKET] * 10, granule=109_600)
    data = page(2, b"fishead", serial=other) + begin + page(4, b"", serial=other) + b"".join(rest)
    (view,) = views(data)
    assert view.num_samples == 9600 - 312
    vorbis = page(2, b"\x01vorbis", serial=other) + begin + page(4, b"", serial=other) + b"".join(rest)
    assert views(vorbis) is None  # libsndfile takes the first


def test_a_stream_behind_junk_is_shown_without_it():
    data = bytes(50) + opus(9600)
    assert views(data) == (View(pieces=(Extent(50, len(data) - 50),)),)
