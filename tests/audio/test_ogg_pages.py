"""Pages of an Ogg file, one after another."""

from __future__ import annotations

import pytest

from melcli.audio import ogg_pages
from melcli.audio.ogg_pages import Page, pages, read_page
from tests.audio.ogg_builder import page, reader


def walk(data: bytes) -> list[bytes]:
    return [found.data for found in pages(reader(data), 0, len(data))]


FIRST, SECOND, THIRD = page(2, b"first"), page(0, b"x" * 600, granule=960), page(4, b"third", granule=1920)
LARGEST = page(0, b"y" * (255 * 255 - 1))


def test_fields():
    (found,) = pages(reader(SECOND), 0, len(SECOND))
    assert (found.offset, found.end, found.flags, found.granule) == (0, len(SECOND), 0, 960)
    assert found.serial == 1
    assert found.data[found.content_at :] == b"x" * 600


@pytest.mark.parametrize("data", [FIRST, SECOND, LARGEST])
def test_checksum(data):
    assert Page.of(0, data).is_intact
    assert not Page.of(0, data[:-1] + bytes([data[-1] ^ 1])).is_intact


def test_walk_over_more_than_one_chunk():
    every = [FIRST, *[LARGEST] * 9, SECOND, THIRD]
    assert walk(b"".join(every)) == every


@pytest.mark.parametrize("junk", [b"junk", b"OggS", b"OggS\0", bytes(300_000), b"OggS\0" + bytes(21) + b"\xff" * 400])
def test_junk_between_pages_is_skipped(junk):
    assert walk(junk + FIRST + junk + SECOND + THIRD + junk) == [FIRST, SECOND, THIRD]


def test_a_cut_page_does_not_swallow_the_next():
    assert walk(FIRST + SECOND[:-20] + FIRST + THIRD) == [FIRST, FIRST, THIRD]


def test_a_cut_or_damaged_last_page_is_none():
    assert walk(FIRST + SECOND[:-1]) == [FIRST]
    assert walk(FIRST + SECOND[:-1] + b"z") == [FIRST]


def test_false_starts_are_tried_a_limited_number_of_times(monkeypatch):
    num_checksums = 0
    checksum = ogg_pages._checksum

    def counted(data: bytes) -> bytes:
        nonlocal num_checksums
        num_checksums += 1
        return checksum(data)

    monkeypatch.setattr(ogg_pages, "_checksum", counted)
    assert walk((b"OggS\0" + bytes(21) + b"\x01\xff") * 20_000) == []
    assert num_checksums < 1100


def test_the_walk_ends_in_a_large_hole(monkeypatch):
    monkeypatch.setattr(ogg_pages, "_MAX_JUNK_BYTES", 300_000)
    assert walk(FIRST + bytes(299_990) + THIRD) == [FIRST, THIRD]
    num_reads = 0

    def zeros(offset: int, size: int) -> bytes:
        nonlocal num_reads
        num_reads += 1
        return bytes(size)

    assert list(pages(zeros, 0, 2**40)) == []
    assert num_reads < 5


def test_ended_packets():
    assert Page.of(0, page(0, b"a" * 10, b"", b"b" * 255)).ended_packets() == [b"a" * 10, b"", b"b" * 255]
    assert Page.of(0, page(0, b"a", b"b" * 510, goes_on=True)).ended_packets() == [b"a"]
    assert Page.of(0, page(1, b"rest", b"whole")).ended_packets() == [b"whole"]
    assert not Page.of(0, page(1, b"b" * 510, goes_on=True)).ends_a_packet


def test_replaced():
    assert Page.of(0, SECOND).with_granule(7).data == page(0, b"x" * 600, granule=7)
    assert Page.of(0, FIRST).replaced(Page.of(0, FIRST).content_at, b"F").data == page(2, b"First")


def test_read_page():
    data = FIRST + SECOND
    found = read_page(reader(data), len(FIRST))
    assert found == Page.of(len(FIRST), SECOND)
    assert read_page(reader(data), 3) is None
    assert read_page(reader(data[:-1]), len(FIRST)) is None
