"""Headers that count bytes, built by hand."""

from __future__ import annotations

import struct

import pytest

from melcli.audio.chunked_containers import (
    AIFF,
    CAF,
    RF64,
    RIFF,
    RIFX,
    W64,
    end_of_au,
    end_of_chunks,
    end_of_nist,
    is_ordinary_wav,
)
from melcli.audio.regular_file import open_regular
from tests.messages import names


def reader(data: bytes):
    return lambda offset, size: data[offset : offset + size]


def chunk(tag: bytes, content: bytes, claim: int | None = None) -> bytes:
    length = len(content) if claim is None else claim
    return tag + struct.pack("<I", length) + content + b"\0" * (len(content) % 2)


def wav(*chunks: bytes, magic: bytes = b"RIFF") -> bytes:
    return magic + struct.pack("<I", 4 + sum(map(len, chunks))) + b"WAVE" + b"".join(chunks)


def ending_of(layout, data: bytes, file_size: int | None = None):
    return end_of_chunks(layout, reader(data), len(data) if file_size is None else file_size)


FMT = chunk(b"fmt ", bytes(16))


@pytest.mark.parametrize(
    "claim, named",
    [
        (100, None),
        (99, None),
        (101, ("claims 101 bytes", "100 bytes follow")),
        (0, ("claims no audio", "100 bytes follow")),
    ],
)
def test_wav(claim, named):
    data = wav(FMT, chunk(b"data", b"\xff" * 100, claim))
    shortfall = ending_of(RIFF, data).shortfall
    assert names(shortfall, *named) if named else shortfall == ""
    assert not ending_of(RIFF, data).open_ended


@pytest.mark.parametrize(
    "behind, is_open",
    [
        (b"\x07" * 1023, False),
        (b"\x07" * 1024, True),
        (bytes(100_000), False),
        (bytes(100_000) + b"\x07", True),
        (chunk(b"LIST", b"\x07" * 2000), False),
        (b"\0" + chunk(b"LIST", b"\x07" * 2000), False),
        (chunk(b"LIST", b"\x07" * 2000, 3000), True),
        (chunk(b"a\x01bc", b"\x07" * 2000), True),
        (b"APETAGEX" + b"\x07" * 2000, False),
    ],
)
def test_what_lies_behind_the_claim(behind, is_open):
    num_bytes = 99 if behind.startswith(b"\0L") else 100  # that chunk is aligned
    data = wav(FMT, b"data" + struct.pack("<I", num_bytes) + b"\xff" * num_bytes) + behind
    ending = ending_of(RIFF, data)
    assert (ending.open_ended, ending.shortfall) == (is_open, "")


@pytest.mark.parametrize("mark", [0xFFFFFFFF, 0x7FFFF000, 0x80000000, 0x7FFFFFFF, 0xFFFFFFDB])
def test_marks_of_streaming_writers(mark):
    ending = ending_of(RIFF, wav(FMT, chunk(b"data", bytes(100), mark)))
    assert (ending.open_ended, ending.shortfall) == (True, "")


def test_large_claims_that_are_no_marks():
    for claim in (2**31 - 2**16 - 1, 2**31 + 1, 2**32 - 2**16 - 1):
        ending = ending_of(RIFF, wav(FMT, chunk(b"data", bytes(100), claim)))
        assert not ending.open_ended
        assert names(ending.shortfall, f"{claim:,} bytes", "100 bytes")


def test_an_empty_data_chunk_before_another_chunk_is_empty_and_no_cut():
    data = wav(FMT, chunk(b"data", b""), chunk(b"LIST", b"INFO"))
    assert ending_of(RIFF, data).shortfall == ""


def test_chunks_of_odd_size_are_padded():
    data = wav(chunk(b"junk", b"abc"), FMT, chunk(b"data", bytes(10), 11))
    assert names(ending_of(RIFF, data).shortfall, "claims 11 bytes", "10 bytes follow")


def test_a_header_without_audio():
    assert ending_of(RIFF, wav(FMT)).incomplete_header
    assert ending_of(RIFF, wav(FMT)[:20]).incomplete_header
    assert not ending_of(RIFF, wav(chunk(b"junk", bytes(10)), bytes(500))).incomplete_header


def test_a_million_empty_chunks_are_not_walked():
    calls = []

    def read(offset, size):
        calls.append(offset)
        return (b"junk" + bytes(4))[:size]

    end_of_chunks(RIFF, read, 2**31)
    assert len(calls) == 1000


def test_a_length_beyond_what_a_file_can_be(tmp_path):
    path = tmp_path / "a.caf"
    path.write_bytes(b"caff" + bytes(4) + b"free" + b"\xff" * 8 + bytes(100))
    with open_regular(str(path)) as file:
        assert end_of_chunks(CAF, file.read_at, file.size).incomplete_header


def canonical(channels: int = 1, block: int = 2, bits: int = 16, tag: int = 1) -> bytes:
    form = chunk(b"fmt ", struct.pack("<HHIIHH", tag, channels, 16_000, 16_000 * block, block, bits))
    return wav(form, chunk(b"data", bytes(1_200)))


@pytest.mark.parametrize("channels, bits", [(1, 16), (2, 16), (1, 8), (3, 24), (6, 32)])
def test_an_ordinary_wav(channels, bits):
    data = canonical(channels, channels * bits // 8, bits)
    assert is_ordinary_wav(data[:44], len(data))


@pytest.mark.parametrize(
    "data, more",
    [
        *(
            (canonical(), 1),
            (canonical(), -1),
            (canonical(tag=3), 0),
            (canonical(block=4), 0),
            (canonical(2, 3, 12), 0),
        ),
        *((canonical(0, 0, 16), 0), (canonical(1, 4, 24), 0), (canonical()[:40], 0), (b"RIFX" + canonical()[4:], 0)),
    ],
)
def test_no_ordinary_wav(data, more):
    assert not is_ordinary_wav(data[:44], len(data) + more)


def test_aiff_beyond_four_gibibytes():
    data = b"FORM" + bytes(4) + b"AIFFSSND" + struct.pack(">I", 12_345)
    assert names(ending_of(AIFF, data, 2**32 + 12_345).shortfall, "AIFF", "4 GiB", "4,294,979,641 bytes")


def test_rf64_takes_its_length_from_ds64():
    def rf64(length: int) -> bytes:
        ds64 = chunk(b"ds64", struct.pack("<QQQI", 0, length, 0, 0))
        return wav(ds64, FMT, chunk(b"data", bytes(100), 0xFFFFFFFF), magic=b"RF64")

    assert ending_of(RF64, rf64(100)).shortfall == ""
    assert names(ending_of(RF64, rf64(2**33)).shortfall, "claims 8,589,934,592 bytes", "100 bytes follow")
    assert ending_of(RF64, rf64(2**64 - 1)).open_ended
    assert ending_of(RF64, rf64(2**33), 2**34).shortfall == ""


def test_rifx_is_big_endian():
    data = b"RIFX" + bytes(4) + b"WAVEdata" + struct.pack(">I", 20) + bytes(10)
    assert names(ending_of(RIFX, data).shortfall, "claims 20 bytes", "10 bytes follow")


@pytest.mark.parametrize("claim, is_open, is_short", [(108, False, False), (0, True, False), (0x7F000008, True, False)])
def test_aiff(claim, is_open, is_short):
    data = b"FORM" + bytes(4) + b"AIFFSSND" + struct.pack(">I", claim) + bytes(8) + bytes(100)
    ending = ending_of(AIFF, data)
    assert (ending.open_ended, bool(ending.shortfall)) == (is_open, is_short)
    assert ending_of(AIFF, data[:-1]).open_ended == is_open
    assert bool(ending_of(AIFF, data[:-1]).shortfall) != is_open


def test_w64_counts_its_own_header():
    guid = b"data" + bytes(12)
    data = bytes(40) + guid + struct.pack("<Q", 24 + 64) + bytes(64)
    assert ending_of(W64, data).shortfall == ""
    assert names(ending_of(W64, data[:-1]).shortfall, "claims 64 bytes", "63 bytes follow")
    assert not ending_of(W64, bytes(40) + guid + struct.pack("<Q", 3)).shortfall  # shorter than itself


def test_caf_until_the_end():
    data = b"caff" + bytes(4) + b"data" + struct.pack(">q", -1) + bytes(104)
    assert ending_of(CAF, data).open_ended
    assert ending_of(CAF, data.replace(b"\xff" * 8, struct.pack(">q", 105))).shortfall


@pytest.mark.parametrize("magic, order", [(b".snd", ">"), (b"dns.", "<")])
def test_au(magic, order):
    def ending(claim: int, there: int):
        data = magic + struct.pack(order + "II", 24, claim) + bytes(12 + there)
        return end_of_au(reader(data), len(data))

    assert not ending(50, 50).shortfall
    assert names(ending(51, 50).shortfall, "claims 51 bytes", "50 bytes follow")
    assert names(ending(0, 50).shortfall, "no audio", "50 bytes")
    assert not ending(0, 0).shortfall
    assert ending(2**32 - 1, 50).open_ended
    assert end_of_au(reader(magic), 4).incomplete_header


def test_nist():
    header = (b"NIST_1A\n   1024\nchannel_count -i 2\nsample_count -i 30\nsample_n_bytes -i 2\nend_head\n").ljust(1024)
    assert not end_of_nist(reader(header + bytes(120)), 1144).shortfall
    assert names(end_of_nist(reader(header + bytes(119)), 1143).shortfall, "claims 120 bytes", "119 bytes follow")
    assert end_of_nist(reader(header[:500]), 500).incomplete_header
    assert not end_of_nist(reader(b"NIST_1A\n   1024\n".ljust(1024)), 1024).shortfall


def test_g722_in_au_is_named():
    header = b".snd" + (24).to_bytes(4, "big") + (90).to_bytes(4, "big") + (24).to_bytes(4, "big") + bytes(98)
    assert end_of_au(lambda offset, size: header[offset : offset + size], len(header)).undecoded == "G.722 ADPCM"
