"""Tags around MPEG frames."""

from __future__ import annotations

import pytest

from melcli.audio.mpeg_header import Header
from melcli.audio.mpeg_tags import FrontTag, after_tags, before_tags, front_tag
from tests.audio.mpeg_bytes import ID3V1, ID3V2, LYRICS3, ape, reader

AUDIO = b"\x55" * 3000
APPENDED_ID3V2 = ID3V2 + b"3DI" + b"\x04\0\x10\0\0\x02\x01"
LYRICS3V1 = b"LYRICSBEGIN" + b"la" * 200 + b"LYRICSEND" + ID3V1
EXTENDED_ID3V1 = b"TAG+" + bytes(223) + ID3V1


@pytest.mark.parametrize(
    "tags",
    [ID3V1, ape(40), ape(40) + ID3V1, LYRICS3, LYRICS3V1, EXTENDED_ID3V1, ape(5000) + LYRICS3, APPENDED_ID3V2],
    ids=["ID3v1", "APE", "APE, ID3v1", "Lyrics3", "Lyrics3 v1", "extended ID3v1", "APE, Lyrics3", "ID3v2"],
)
def test_tags_at_the_end_are_no_audio(tags):
    data = AUDIO + tags
    assert before_tags(reader(data), len(data)) == len(AUDIO)


@pytest.mark.parametrize("tags", [ID3V2, ID3V1, ape(40), LYRICS3, ID3V1 + ID3V2, EXTENDED_ID3V1])
def test_tags_between_frames(tags):
    data = AUDIO + tags + AUDIO
    assert after_tags(reader(data), len(AUDIO), len(data)) == len(AUDIO) + len(tags)
    assert after_tags(reader(data), 5, len(data)) == 5


def test_a_tag_that_claims_more_than_the_file_is_none():
    data = AUDIO + b"APETAGEX" + bytes(4) + (10_000).to_bytes(4, "little") + bytes(16)
    assert before_tags(reader(data), len(data)) == len(data)
    assert before_tags(reader(AUDIO + b"999999LYRICS200"), 3015) == 3015
    data = AUDIO + b"ID3\4\0\0\0\1\0\0" + AUDIO
    assert after_tags(reader(data), len(AUDIO), len(data)) == len(AUDIO)


@pytest.mark.parametrize("walk", [lambda read, size: after_tags(read, 0, size), before_tags])
def test_a_file_of_many_tags_is_not_walked_to_its_end(walk):
    data = ID3V1 * 20_000
    reads = []
    walk(lambda offset, size: reads.append(offset) or data[offset : offset + size], len(data))
    assert len(reads) < 1100


MONO, STEREO = b"\xff\xfb\x90\xc0", b"\xff\xfb\x90\x00"


@pytest.mark.parametrize("header, at", [(MONO, 21), (STEREO, 36), (b"\xff\xf3\x84\xc0", 13), (b"\xff\xf3\x84\0", 21)])
@pytest.mark.parametrize(
    "tag, expected",
    [
        (b"Xing\0\0\0\3\0\0\0\5\0\0\0\7", FrontTag(5, 7, "Xing")),
        (b"Info\0\0\0\2\0\0\0\7\0\0\0\0", FrontTag(0, 7, "Xing")),
        (b"Info\0\0\0\0\0\0\0\7\0\0\0\0", FrontTag(0, 0, "Xing")),
        (b"Xink\0\0\0\3\0\0\0\5\0\0\0\7", FrontTag()),
    ],
)
def test_what_a_front_tag_counts(header, at, tag, expected):
    frame = header.ljust(at, b"\0") + tag
    assert front_tag(frame, Header.read(frame)) == expected
    assert front_tag(frame[:-1], Header.read(frame)) == FrontTag()


def test_vbri_counts_bytes_and_is_of_layer_3_alone():
    tag = bytes(32) + b"VBRI\0\1" + bytes(4) + (9).to_bytes(4, "big")
    assert front_tag(MONO + tag, Header.read(MONO)) == FrontTag(0, 9, "VBRI")
    layer_2 = b"\xff\xfd\x90\x00"
    assert front_tag(layer_2 + tag, Header.read(layer_2)) == FrontTag()
    assert front_tag(tag, None) == FrontTag()
