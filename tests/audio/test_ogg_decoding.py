"""Ogg files that libsndfile alone decodes wrongly, in part or not at all.

soundfile decodes an Opus stream rightly if its granule positions start at 0, so a stream with other positions is held
against the same one with these.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from melcli.audio.decode import AudioFile, measure
from melcli.audio.ogg_pages import Page
from melcli.audio.opus import packet_samples
from melcli.errors import AudioError
from tests.audio.ogg_builder import checked, later, page, pages_of
from tests.audio.sounds import decode, music, reference, write
from tests.tiers import full_but

Make = Callable[..., bytes]


@pytest.fixture
def make(tmp_path) -> Make:
    """Return a function that encodes some seconds."""

    def made(subtype: str, seconds: float = 2.0, rate_hz: int = 48_000, channels: int = 1) -> bytes:
        path = tmp_path / "made.ogg"
        write(path, music(round(seconds * rate_hz), channels, rate_hz), rate_hz, subtype)
        return path.read_bytes()

    return made


@pytest.fixture
def saved(tmp_path) -> Callable[[bytes], Path]:
    """Return a function that puts bytes into a file."""

    def put(data: bytes) -> Path:
        (tmp_path / "a.ogg").write_bytes(data)
        return tmp_path / "a.ogg"

    return put


def refusal(path: Path, **options: object) -> AudioError:
    with pytest.raises(AudioError) as caught, AudioFile(str(path), **options) as file:
        list(file.blocks())
    return caught.value


def kept(path: Path, **options: object) -> tuple[np.ndarray, AudioFile]:
    with AudioFile(str(path), truncated="keep", **options) as file:
        return np.concatenate(list(file.blocks())), file


def with_input_rate(opus: bytes, rate_hz: int) -> bytes:
    head, *rest = pages_of(opus)
    at = 28 + 12
    return checked(head[:at] + struct.pack("<I", rate_hz) + head[at + 4 :]) + b"".join(rest)


# streams that do not start at 0


@pytest.mark.parametrize(
    "rate_hz, channels, start",
    full_but(
        [(48_000, 1, 100), (48_000, 2, 4_800_000), (16_000, 1, 100), (16_000, 1, 4_800_000)],
        (48_000, 2, 4_800_000),
        (16_000, 1, 100),
        unpack=True,
    ),
)
def test_opus_whose_positions_do_not_start_at_0(make, saved, rate_hz, channels, start):
    opus = make("OPUS", rate_hz=rate_hz, channels=channels)
    expected = reference(saved(opus))
    head, tags, *audio = pages_of(opus)
    path = saved(head + tags + b"".join(later(data, start) for data in audio))
    np.testing.assert_array_equal(decode(path)[0], expected)
    assert measure(str(path)) == (rate_hz, len(expected), channels)


@pytest.mark.parametrize("num_removed", full_but([1, 2], 2))
def test_opus_cut_between_pages(make, saved, num_removed):
    head, tags, *audio = pages_of(make("OPUS", 4.0))
    (start,) = struct.unpack_from("<q", audio[num_removed - 1], 6)
    left = audio[num_removed:]
    expected = reference(saved(head + tags + b"".join(later(data, -start) for data in left)))
    path = saved(head + tags + b"".join(left))
    np.testing.assert_array_equal(decode(path)[0], expected)
    assert len(expected) == 4 * 48_000 - start


def test_opus_of_which_one_page_is_left(make, saved):
    """Where it starts is not known then: as if nothing was dropped at its end."""
    head, tags, *audio = pages_of(make("OPUS", 4.0))
    decoded, _ = decode(saved(head + tags + audio[-1]))
    assert len(decoded) == sum(map(packet_samples, Page.of(0, audio[-1]).ended_packets())) - 312


# the rate of Opus


def test_an_unknown_input_rate_stands_for_48_khz(make, saved):
    opus = make("OPUS", 0.5)
    expected = reference(saved(opus))
    decoded, file = decode(saved(with_input_rate(opus, 0)))
    assert file.sampling_rate == 48_000
    np.testing.assert_array_equal(decoded, expected)


def test_opus_at_48_khz_on_demand(make, saved):
    opus = make("OPUS", 0.5, rate_hz=16_000)
    expected = reference(saved(with_input_rate(opus, 48_000)))
    path = saved(opus)
    with AudioFile(str(path), opus_rate=48_000) as file:
        assert file.sampling_rate == 48_000
        np.testing.assert_array_equal(np.concatenate(list(file.blocks())), expected)
    assert measure(str(path), opus_rate=48_000) == (48_000, 24_000, 1)
    assert measure(str(path)) == (16_000, 8_000, 1)


# chains


@pytest.mark.parametrize("first, second", [("VORBIS", "OPUS"), ("OPUS", "VORBIS")])
def test_a_chain(make, saved, first, second):
    streams = [make(first, 1.0, channels=2), make(second, 0.5, channels=2)]
    expected = np.concatenate([reference(saved(data)) for data in streams])
    path = saved(b"".join(streams))
    np.testing.assert_array_equal(decode(path)[0], expected)
    assert measure(str(path)) == (48_000, 72_000, 2)


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_a_chain_whose_streams_have_the_same_serial(make, saved, subtype):
    data = make(subtype, 0.5)
    expected = reference(saved(data))
    decoded, file = decode(saved(data * 3))
    np.testing.assert_array_equal(decoded, np.concatenate([expected] * 3))
    assert file.flags == ()


def test_a_chain_of_streams_that_do_not_go_together(make, saved):
    one = make("VORBIS", 0.5)
    error = refusal(saved(one + make("VORBIS", 0.5, rate_hz=16_000)))
    assert error.reason == "unsupported_format"
    assert "with 48000 Hz and 16000 Hz" in error.message
    error = refusal(saved(one + make("VORBIS", 0.5, channels=2)))
    assert error.reason == "unsupported_format"
    assert "with 1 channels and 2 channels" in error.message


def test_a_chain_of_opus_streams_of_several_rates_at_48_khz(make, saved):
    path = saved(make("OPUS", 0.5) + make("OPUS", 0.5, rate_hz=16_000))
    assert refusal(path).reason == "unsupported_format"
    with AudioFile(str(path), opus_rate=48_000) as file:
        assert sum(map(len, file.blocks())) == 48_000


# other streams, and tags


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_audio_behind_a_stream_of_another_kind(make, saved, subtype):
    head, *rest = pages_of(make(subtype, 0.5))
    expected = reference(saved(head + b"".join(rest)))
    skeleton = [page(flags, b"fishead\0", serial=b"\7\0\0\0") for flags in (2, 4)]
    decoded, _ = decode(saved(skeleton[0] + head + skeleton[1] + b"".join(rest)))
    np.testing.assert_array_equal(decoded, expected)


@pytest.mark.parametrize("num_streams", [1, 2])
def test_ogg_behind_an_id3_tag(make, saved, num_streams):
    data = make("VORBIS", 0.5) * num_streams
    expected, _ = decode(saved(data))
    decoded, _ = decode(saved(b"ID3\4\0\0\0\0\0\5" + bytes(5) + data))
    np.testing.assert_array_equal(decoded, expected)


# files that end early


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
@pytest.mark.parametrize("rest", [0, 200], ids=["between pages", "inside a page"])
def test_a_file_without_its_last_page(make, saved, subtype, rest):
    data = make(subtype)
    expected = reference(saved(data))
    *pages, last = pages_of(data)
    path = saved(b"".join(pages) + last[:rest])
    assert refusal(path).reason == "truncated"
    decoded, file = kept(path)
    assert file.flags == ("truncated",)
    assert 48_000 < len(decoded) < len(expected)
    np.testing.assert_array_equal(decoded, expected[: len(decoded)])


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
@pytest.mark.parametrize("seconds", [0.4, 2.0], ids=["one page", "pages"])
def test_a_file_that_lacks_the_end_of_stream_flag_alone(make, saved, subtype, seconds):
    data = make(subtype, seconds)
    expected = reference(saved(data))
    *pages, last = pages_of(data)
    path = saved(b"".join(pages) + checked(last[:5] + b"\0" + last[6:]))
    assert refusal(path).reason == "truncated"
    decoded, file = kept(path)
    assert file.flags == ("truncated",)
    np.testing.assert_array_equal(decoded, expected)


def test_a_chain_whose_first_stream_is_cut(make, saved):
    data = make("VORBIS")
    expected = reference(saved(data))
    path = saved(data[:-500] + data)
    assert refusal(path).reason == "truncated"
    decoded, file = kept(path)
    assert file.flags == ("truncated",)
    np.testing.assert_array_equal(decoded[-len(expected) :], expected)
    assert len(decoded) > len(expected)


@pytest.mark.parametrize("subtype", full_but(["VORBIS", "OPUS"], "VORBIS"))
@pytest.mark.parametrize("number", [2, -1], ids=["first with audio", "last"])
@pytest.mark.parametrize("at", [3, 26, -1], ids=["capture pattern", "lacing", "content"])
def test_damage_that_libsndfile_leaves_out_of_its_claim(make, saved, subtype, number, at):
    pages = pages_of(make(subtype))
    offset = sum(map(len, pages[:number]))
    damaged = bytearray(pages[number])
    damaged[at] ^= 1
    pages[number] = bytes(damaged)
    error = refusal(saved(b"".join(pages)))
    assert error.reason == "truncated"
    if number == 2:
        assert error.message.startswith(f"the Ogg page at byte {offset:,} is damaged")


# other codings


@pytest.mark.parametrize("magic, coding", [(b"\x7fFLAC\1\0", "FLAC"), (b"Speex   ", "Speex")])
@pytest.mark.parametrize("flags", [4, 0], ids=["whole", "cut"])
def test_codings_that_libsndfile_does_not_read_in_ogg(saved, magic, coding, flags):
    error = refusal(saved(page(2, magic + bytes(60)) + page(flags, bytes(90), granule=960)))
    assert error.reason == "unsupported_format"
    assert error.message.startswith(f"this Ogg file holds {coding}, which melcli does not read; convert it: ffmpeg ")
