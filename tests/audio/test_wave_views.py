"""WAV files that libsndfile refuses or decodes wrongly as they are."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from melcli.audio.containers import examine
from melcli.audio.decode import AudioFile, measure
from melcli.audio.view import Extent
from melcli.audio.views import views
from melcli.errors import AudioError
from tests.audio.sounds import decode, music, write
from tests.audio.waves import RATE_HZ, as_float, chunk, data_at, extensible, form, noise, wav
from tests.messages import names
from tests.tiers import full_but

SAMPLES = noise(8_000)
DATA = chunk(b"data", SAMPLES.tobytes())
ISFT = chunk(b"ISFT", b"Lavf58.29.100")
GIB = 2**30


def failure(path) -> AudioError:
    with pytest.raises(AudioError) as caught, AudioFile(str(path)) as file:
        for _ in file.blocks():
            pass
    return caught.value


def shown(data: bytes, file_size: int | None = None):
    size = len(data) if file_size is None else file_size

    def read(offset: int, num_bytes: int) -> bytes:
        return data[offset : offset + num_bytes].ljust(max(0, min(num_bytes, size - offset)), b"\7")

    return views(read, size, examine(read, size), opus_rate="header")


# an ordinary file


@pytest.mark.parametrize(
    "chunks", [(form(), DATA), (form(), chunk(b"LIST", b"INFO" + ISFT), DATA), (form(), DATA, ISFT)]
)
def test_an_ordinary_file_is_shown_as_it_is(chunks):
    assert shown(wav(*chunks)) is None


# samples of 24 bits in containers of 32


def samples_of_24_bits(num_channels: int) -> np.ndarray:
    return np.random.default_rng(1).integers(-(2**22), 2**22, (3_000, num_channels)).astype("<i4")


@pytest.mark.parametrize("magic", full_but(["RIFF", "RIFX", "W64"], "RIFF"))
@pytest.mark.parametrize("num_channels", [1, 2])
@pytest.mark.parametrize("is_extensible", [False, True])
@pytest.mark.parametrize("bits", [20, 24])
def test_24_bits_in_the_upper_part_of_32(tmp_path, magic, num_channels, is_extensible, bits):
    samples = samples_of_24_bits(num_channels) >> (24 - bits) << (32 - bits)
    path = tmp_path / ("a.w64" if magic == "W64" else "a.wav")
    path.write_bytes(file_of_24_bits(tmp_path, samples, magic, is_extensible, bits))
    signal, file = decode(path)
    np.testing.assert_array_equal(signal, (samples / 2**31).astype(np.float32))
    assert file.flags == ()


def file_of_24_bits(folder, samples, magic: str, is_extensible: bool, bits: int) -> bytes:
    """Have libsndfile write 32 bits, and make the header say fewer."""
    if magic == "RIFF":
        describe = extensible if is_extensible else form
        channels = samples.shape[1]
        return wav(describe(1, channels, 4 * channels, bits), chunk(b"data", samples.tobytes()))
    name = "b.w64" if magic == "W64" else "b.wav"
    endian = {"endian": "BIG"} if magic == "RIFX" else {}
    data = bytearray(write(folder / name, samples / 2**31, subtype="PCM_32", **endian).read_bytes())
    at = data.find(b"fmt ") + (24 if magic == "W64" else 8) + 14
    struct.pack_into(">H" if magic == "RIFX" else "<H", data, at, bits)
    return bytes(data)


@pytest.mark.parametrize("num_channels", [1, 2])
def test_24_bits_in_the_lower_part_of_32(tmp_path, num_channels):
    samples = samples_of_24_bits(num_channels)
    path = tmp_path / "a.wav"
    path.write_bytes(wav(form(1, num_channels, 4 * num_channels, 24), chunk(b"data", samples.tobytes())))
    np.testing.assert_allclose(decode(path)[0], samples / 2**23, rtol=0, atol=2**-23)


def test_floating_point_numbers_that_call_themselves_24_bits(tmp_path):
    samples = (music(3_000) * 2**23).astype("<f4")
    (tmp_path / "a.wav").write_bytes(wav(form(1, 1, 4, 24), chunk(b"data", samples.tobytes())))
    assert str(failure(tmp_path / "a.wav")) == "unsupported_format: it contains floating-point numbers of Cool Edit"


@pytest.mark.parametrize(
    "tag, channels, block, bits",
    [(1, 1, 4, 16), (1, 2, 2, 16), (1, 1, 3, 16), (1, 2, 4, 24), (1, 2, 1, 8), (3, 1, 2, 32), (7, 2, 1, 8)],
)
def test_a_block_align_that_contradicts(tmp_path, tag, channels, block, bits):
    (tmp_path / "a.wav").write_bytes(wav(form(tag, channels, block, bits), DATA))
    error = failure(tmp_path / "a.wav")
    assert error.reason == "unsupported_format"
    plural = "s" if channels > 1 else ""
    assert error.message == (
        f"its header contradicts itself: {channels} channel{plural} of {bits} bits and a block align of {block} bytes"
    )


@pytest.mark.parametrize("bits, block", [(12, 2), (16, 0), (16, 2)])
def test_a_block_align_that_agrees(tmp_path, bits, block):
    (tmp_path / "a.wav").write_bytes(wav(form(1, 1, block, bits), DATA))
    np.testing.assert_array_equal(decode(tmp_path / "a.wav")[0], as_float(SAMPLES))


# headers that libsndfile does not follow

ODD_CHUNKS = {
    "padding of one byte inside": chunk(b"LIST", b"INFO" + ISFT + bytes(1)),
    "padding of two bytes inside": chunk(b"LIST", b"INFO" + ISFT + bytes(2)),
    "padding of three bytes inside": chunk(b"LIST", b"INFO" + ISFT + bytes(3)),
    "an unknown list": chunk(b"LIST", b"exif" + bytes(10)),
    "a short smpl": chunk(b"smpl", bytes(10)),
    "a PEAK of another size": chunk(b"PEAK", bytes(100)),
    "a tag that does not print": chunk(b"\1\2\3\4", b"abcdef"),
}


@pytest.mark.parametrize("name", ODD_CHUNKS)
@pytest.mark.parametrize("first", [True, False])
def test_chunks_that_libsndfile_does_not_pass_over(tmp_path, name, first):
    chunks = (ODD_CHUNKS[name], form(), DATA) if first else (form(), ODD_CHUNKS[name], DATA)
    (tmp_path / "a.wav").write_bytes(wav(*chunks))
    signal, file = decode(tmp_path / "a.wav")
    np.testing.assert_array_equal(signal, as_float(SAMPLES))
    assert (file.format, file.flags) == ("wav/pcm_16", ())
    assert measure(str(tmp_path / "a.wav")) == (RATE_HZ, 8_000, 1)


def test_two_chunks_of_audio_follow_one_another(tmp_path):
    first, second = (chunk(b"data", part.tobytes()) for part in (SAMPLES[:5_001], SAMPLES[5_001:]))
    for chunks in ((first, second), (first, chunk(b"LIST", b"INFO"), second), (chunk(b"data", b""), DATA)):
        (tmp_path / "a.wav").write_bytes(wav(form(), *chunks))
        np.testing.assert_array_equal(decode(tmp_path / "a.wav")[0], as_float(SAMPLES))


def test_a_second_chunk_of_audio_that_is_cut(tmp_path):
    data = wav(form(), chunk(b"data", SAMPLES[:5_000].tobytes()), chunk(b"data", SAMPLES[5_000:].tobytes()))
    (tmp_path / "a.wav").write_bytes(data[:-100])
    assert names(failure(tmp_path / "a.wav"), "truncated", "6,000 bytes", "5,900 bytes")


def bw64(length: int, audio: bytes) -> bytes:
    ds64 = chunk(b"ds64", struct.pack("<QQQI", 0, length, 0, 0))
    return wav(ds64, form(), chunk(b"data", audio, 2**32 - 1), chunk(b"axml", b"<x/>"), magic=b"BW64")


def test_bw64(tmp_path):
    (tmp_path / "a.wav").write_bytes(bw64(16_000, SAMPLES.tobytes()))
    signal, file = decode(tmp_path / "a.wav")
    np.testing.assert_array_equal(signal, as_float(SAMPLES))
    assert (file.format, file.flags) == ("rf64/pcm_16", ())


# more than 4 GiB


@pytest.mark.parametrize("claim", [5 * GIB + 8, (5 * GIB + 8) % 2**32, 2**32 - 1, 2**31 - 4096])
def test_riff_beyond_four_gibibytes_is_shown_as_rf64(claim):
    header = wav(form(), chunk(b"data", b"", claim % 2**32 if claim > 2**32 else claim))
    (view,) = shown(header, len(header) + 5 * GIB + 8)
    small, audio = view.pieces
    assert audio == Extent(44, 5 * GIB + 8)
    assert (small[:4], small[8:16]) == (b"RF64", b"WAVEds64")
    assert struct.unpack_from("<Q", small, 28) == (5 * GIB + 8,)


def test_riff_beyond_four_gibibytes_with_chunks_behind_the_audio(tmp_path):
    """The length wraps twice; the file is sparse."""
    num_bytes = 9 * GIB + 16_000
    path = tmp_path / "a.wav"
    try:
        with path.open("wb") as file:
            file.write(wav(form(), chunk(b"data", SAMPLES.tobytes(), num_bytes % 2**32)))
            file.truncate(44 + num_bytes)
            file.seek(44 + num_bytes)
            file.write(chunk(b"LIST", b"INFO" + ISFT))
    except OSError:
        pytest.skip("the file system takes no sparse file of 9 GiB")
    with AudioFile(str(path)) as file:
        assert (file.claimed_samples, file.format, file.flags[1:]) == (num_bytes // 2, "wav/pcm_16", ())
        np.testing.assert_array_equal(next(file.blocks())[:8_000], as_float(SAMPLES))


def test_a_length_that_does_not_fit_a_file_beyond_four_gibibytes(tmp_path):
    header = wav(form(), chunk(b"data", b"", 12_345_678))
    size = len(header) + 5 * GIB

    def read(offset: int, num_bytes: int) -> bytes:
        return header[offset : offset + num_bytes].ljust(max(0, min(num_bytes, size - offset)), b"\7")

    ending = examine(read, size)
    assert ending is not None
    assert names(ending.shortfall, "WAV", "4 GiB", f"{size:,} bytes")


# block codings keep their name and container


def as_extensible_w64(w64: bytes, tag: int) -> bytes:
    """Replace the format of a W64 file of one channel by one that leads to a coding."""
    at = w64.find(b"fmt ")
    (old,) = struct.unpack_from("<Q", w64, at + 16)
    channels, rate_hz, per_second, block, bits = struct.unpack_from("<HIIHH", w64, at + 26)
    new = extensible(tag, channels, block, bits)[8:]
    new = struct.pack("<HHIIHH", 0xFFFE, channels, rate_hz, per_second, block, bits) + new[16:]
    made = w64[: at + 16] + struct.pack("<Q", 24 + len(new)) + new + w64[at + -(-old // 8) * 8 :]
    return made[:16] + struct.pack("<Q", len(made)) + made[24:]


@pytest.mark.parametrize("subtype, tag", [("FLOAT", 3), ("DOUBLE", 3), ("ALAW", 6), ("ULAW", 7), ("PCM_16", 1)])
def test_w64_whose_format_leads_to_a_coding(tmp_path, subtype, tag):
    path = write(tmp_path / "a.w64", music(5_000), subtype=subtype)
    expected, _ = decode(path)
    path.write_bytes(as_extensible_w64(path.read_bytes(), tag))
    decoded, file = decode(path)
    np.testing.assert_array_equal(decoded, expected)
    assert file.format == f"w64/{subtype.lower()}"


@pytest.mark.parametrize("subtype, tag, name", [("MS_ADPCM", 2, "MS ADPCM"), ("IMA_ADPCM", 0x11, "IMA ADPCM")])
def test_w64_whose_format_leads_to_a_block_coding(tmp_path, subtype, tag, name):
    path = write(tmp_path / "a.w64", music(5_000), subtype=subtype)
    path.write_bytes(as_extensible_w64(path.read_bytes(), tag))
    assert failure(path).message.startswith(f"this W64 file holds {name} in WAVE_FORMAT_EXTENSIBLE, which melcli does")


def test_a_cut_w64_whose_format_leads_to_a_coding(tmp_path):
    path = write(tmp_path / "a.w64", music(5_000), subtype="FLOAT")
    expected, _ = decode(path)
    path.write_bytes(as_extensible_w64(path.read_bytes(), 3)[:-4_000])
    with AudioFile(str(path), truncated="keep") as file:
        decoded = np.concatenate(list(file.blocks()))
    np.testing.assert_array_equal(decoded, expected[: len(decoded)])
    assert (len(decoded), file.format, file.flags) == (4_000, "w64/float", ("truncated",))


@pytest.mark.parametrize("subtype", ["MS_ADPCM", "IMA_ADPCM"])
def test_block_codings_in_rf64(tmp_path, subtype):
    """As ffmpeg writes them with ``-rf64 always``."""
    data = write(tmp_path / "a.wav", music(5_000), subtype=subtype).read_bytes()
    expected, _ = decode(tmp_path / "a.wav")
    at = data.find(b"data")
    (num_bytes,) = struct.unpack_from("<I", data, at + 4)
    ds64 = chunk(b"ds64", struct.pack("<QQQI", len(data) + 28, num_bytes, 0, 0))
    made = b"RF64" + struct.pack("<I", 2**32 - 1) + b"WAVE" + ds64 + data[12:]
    (tmp_path / "a.rf64").write_bytes(made.replace(data[at : at + 8], b"data" + struct.pack("<I", 2**32 - 1)))
    decoded, file = decode(tmp_path / "a.rf64")
    np.testing.assert_array_equal(decoded, expected)
    assert file.format == f"rf64/{subtype.lower()}"


def test_a_view_does_not_change_what_a_file_is(tmp_path):
    path = write(tmp_path / "a.w64", music(5_000, rate_hz=8_000), 8_000, "MS_ADPCM")
    data = bytearray(path.read_bytes())
    at, length_at, length_form, more = data_at(data, "a.w64")
    struct.pack_into(length_form, data, length_at, 600 + more)
    path.write_bytes(data[: at + 600])
    file = decode(path)[1]
    assert (file.format, file.flags, file.num_samples) == ("w64/ms_adpcm", (), 1_164)


# what nobody reads here


@pytest.mark.parametrize(
    "tag, name",
    [
        *((0x28F, "G.722 ADPCM"), (0x65, "G.722 ADPCM"), (0x45, "G.726 ADPCM"), (0x64, "G.726 ADPCM"), (0xFF, "AAC")),
        *((0x1600, "AAC"), (0x1610, "AAC"), (0x160, "Windows Media Audio"), (0x161, "Windows Media Audio")),
        *((0x162, "Windows Media Audio Professional"), (0x163, "Windows Media Audio Lossless")),
        *((0x20, "Yamaha ADPCM"), (0x55, "MP3"), (0x50, "MPEG layer 1 or 2"), (0x1234, "the coding 0x1234")),
    ],
)
@pytest.mark.parametrize("cut", [0, 100])
def test_codings_that_are_not_read(tmp_path, tag, name, cut):
    """Also where the file is cut: the coding is what keeps it from being read."""
    path = tmp_path / "a.wav"
    data = wav(form(tag, 1, 1, 4, struct.pack("<HH", 2, 320)), DATA)
    path.write_bytes(data[: len(data) - cut])
    assert str(failure(path)) == (
        f"unsupported_format: this WAV file holds {name}, which melcli does not read; "
        f"convert it: ffmpeg -i {path} {path}.flac"
    )


def test_an_extensible_format_leads_to_a_coding(tmp_path):
    (tmp_path / "a.wav").write_bytes(wav(extensible(0x92, 2, 4, 16), DATA))
    assert "this WAV file holds AC-3" in failure(tmp_path / "a.wav").message


def test_an_unknown_guid_is_no_coding(tmp_path):
    described = bytearray(extensible(1, 1, 2, 16))
    described[-1] ^= 1
    (tmp_path / "a.wav").write_bytes(wav(bytes(described), DATA))
    assert "this WAV file holds a coding with an unknown GUID" in failure(tmp_path / "a.wav").message
