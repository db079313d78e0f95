"""Decoding against one plain call of soundfile, and every way in which a file can fail."""

from __future__ import annotations

import contextlib
import os
import random
import struct

import numpy as np
import pytest
import soundfile

from melcli.audio import decode as decode_module
from melcli.audio.decode import AudioFile, measure
from melcli.errors import AudioError
from tests.audio.sounds import LOSSLESS, LOSSY, decode, flac_claiming, frames_of, music, reference, untagged, write
from tests.messages import names
from tests.tiers import full_but

RATE_HZ = 16_000
WAV_HEADER_BYTES = 44
# mpg123 rounds another way after a seek, and soundfile seeks before it reads.
ATOL = {".mp3": 2**-23}


def failure(path) -> AudioError:
    with pytest.raises(AudioError) as caught, AudioFile(str(path)) as file:
        for _ in file.blocks():
            pass
    return caught.value


def blocks_before_failure(path) -> list[np.ndarray]:
    given = []
    with contextlib.suppress(AudioError), AudioFile(str(path)) as file:
        for block in file.blocks():
            given.append(block)  # noqa: PERF402  # extend would lose them at the failure
    return given


def wav_bytes(folder, num_samples=8000) -> bytearray:
    return bytearray(write(folder / "good.wav", music(num_samples)).read_bytes())


@pytest.mark.parametrize("dtype", full_but(["float32", "float64"], "float32"))
@pytest.mark.parametrize("name, subtype", LOSSLESS + LOSSY)
def test_every_format_gives_what_soundfile_gives(tmp_path, name, subtype, dtype):
    # An even number of blocks of GSM 6.10: see test_block_codings.
    rate_hz = 48_000 if subtype == "OPUS" else RATE_HZ
    path = write(
        tmp_path / name, music(20_401, rate_hz=rate_hz), rate_hz, subtype
    )  # an even number of blocks of GSM 6.10
    signal, file = decode(path, dtype)
    assert signal.dtype == dtype
    np.testing.assert_allclose(signal, reference(path, dtype), rtol=0, atol=ATOL.get(path.suffix, 0))
    assert (file.sampling_rate, file.num_channels, file.num_samples) == (rate_hz, 1, len(signal))
    assert file.claimed_samples == len(signal)
    assert file.flags == ()
    assert measure(str(path))[:2] == (rate_hz, len(signal))


@pytest.mark.parametrize("rate_hz", [8_000, 44_100, 96_000])
@pytest.mark.parametrize("num_channels", [1, 2, 6])
@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg", "a.aiff"])
def test_channels_and_rates(tmp_path, name, num_channels, rate_hz):
    path = write(tmp_path / name, music(9_000, num_channels, rate_hz), rate_hz)
    signal, file = decode(path)
    np.testing.assert_array_equal(signal, reference(path))
    assert (file.sampling_rate, file.num_channels) == (rate_hz, num_channels)


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.aiff", "a.caf", "a.w64"])
def test_one_sample(tmp_path, name):
    signal, file = decode(write(tmp_path / name, np.array([[0.25, -0.5]])))
    np.testing.assert_array_equal(signal, np.float32([[0.25, -0.5]]))
    assert file.num_samples == 1


@pytest.mark.parametrize("block_samples", full_but([257, 1152, 4096, 40_000], 257))
@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg", "a.mp3"])
def test_any_block_size_gives_the_same_bytes(tmp_path, monkeypatch, name, block_samples):
    # Read in blocks by soundfile itself, the MP3 of this test is off by 0.22 from its whole: its frames differ in size.
    options = {"bitrate_mode": "VARIABLE", "compression_level": 0.9} if name == "a.mp3" else {}
    swelling = np.repeat(np.random.default_rng(0).random(8) ** 3, 11_025)[:, np.newaxis]
    path = write(tmp_path / name, music(88_200, 2, 44_100) * swelling, 44_100, **options)
    monkeypatch.setattr(decode_module, "BLOCK_SAMPLES", block_samples)
    with AudioFile(str(path)) as file:
        blocks = list(file.blocks())
    assert all(block.flags.c_contiguous and block.size <= block_samples for block in blocks)
    assert len(blocks) > 2 * 88_200 // block_samples
    monkeypatch.undo()
    np.testing.assert_array_equal(np.concatenate(blocks), decode(path)[0])
    np.testing.assert_allclose(np.concatenate(blocks), reference(path), rtol=0, atol=ATOL.get(path.suffix, 0))


@pytest.mark.parametrize("options", [{"bitrate_mode": "VARIABLE", "compression_level": 0.5}, {}])
def test_an_mp3_without_a_tag_is_read_to_its_end(tmp_path, options):
    # mpg123 guesses the length from the first frames; these are loud and large, so that it guesses too little.
    signal = music(20 * RATE_HZ) * np.where(np.arange(20 * RATE_HZ) < 2 * RATE_HZ, 1, 0)[:, np.newaxis]
    tagged = write(tmp_path / "tagged.mp3", signal, **options)
    plain = tmp_path / "plain.mp3"
    plain.write_bytes(untagged(tagged.read_bytes()) + b"TAG" + bytes(125))
    whole, file = decode(plain)
    assert whole.shape[0] >= len(signal)  # with the encoder's delay and padding
    assert file.claimed_samples == len(whole)
    assert np.abs(whole[: 2 * RATE_HZ]).max() > 0.2
    if options:
        assert len(reference(plain)) < len(signal) / 2


def test_two_mp3_files_in_one_are_not_taken_for_the_first(tmp_path):
    mp3 = write(tmp_path / "one.mp3", music(3 * RATE_HZ)).read_bytes()
    (tmp_path / "two.mp3").write_bytes(mp3 + mp3)
    error = failure(tmp_path / "two.mp3")
    assert error.reason == "truncated"
    assert names(error.message, "bytes follow the end", "first frame")


@pytest.fixture(scope="module", params=[(8_000, "VARIABLE"), (22_050, "CONSTANT"), (44_100, "VARIABLE")])
def mp3(request, tmp_path_factory) -> tuple[bytearray, int]:
    """A file with a tag of LAME, and its number of samples."""
    rate_hz, mode = request.param
    path = tmp_path_factory.mktemp("mp3") / "a.mp3"
    write(path, music(3 * rate_hz, 2, rate_hz), rate_hz, bitrate_mode=mode, compression_level=0.5)
    return bytearray(path.read_bytes()), 3 * rate_hz


def retagged(mp3: bytearray, flags: int, num_frames: int, *, lame: bool) -> bytearray:
    """Have the tag count other things, with the delay and padding that LAME adds to it or without."""
    at = mp3.find(b"Xing" if b"Xing" in mp3[:200] else b"Info")
    num_bytes = mp3[at + 12 : at + 16] if flags & 2 else bytes(4)
    behind = mp3[at + 16 : at + 156] if lame else bytes(140)
    return mp3[: at + 4] + struct.pack(">II", flags, num_frames) + num_bytes + behind + mp3[at + 156 :]


def test_a_damaged_frame_header_of_an_mp3_with_a_tag(tmp_path, mp3):
    whole, _ = mp3
    frames = frames_of(whole)
    path = tmp_path / "a.mp3"
    for at in (1, 2, 3, len(frames) - 1, *random.Random(1).sample(range(1, len(frames)), 12)):
        path.write_bytes(whole[: frames[at]] + bytes(4) + whole[frames[at] + 4 :])
        # Where mpg123 takes bytes of the first frames for a header of another rate, libsndfile refuses it on opening.
        assert failure(path).reason in ({"truncated", "unsupported_format"} if at <= 3 else {"truncated"}), at


def test_an_mp3_that_counts_frames_alone_and_is_cut_between_two(tmp_path, mp3):
    whole, num_samples = mp3
    frames = frames_of(whole)
    plain = retagged(whole, 1, len(frames) - 1, lame=False)
    path = tmp_path / "a.mp3"
    path.write_bytes(plain)
    assert decode(path)[1].num_samples >= num_samples  # with the encoder's padding
    for cut in (frames[-1], frames[-2], frames[len(frames) // 2]):
        path.write_bytes(plain[:cut])
        error = failure(path)
        assert error.reason == "truncated"
        assert error.message.startswith("the file claims ")


@pytest.mark.parametrize("lame", [True, False])
@pytest.mark.parametrize("more", [-1, 0, 1])
def test_good_mp3_files_are_not_taken_for_short(tmp_path, mp3, more, lame):
    # mp3splt counts the frame with the tag too: https://github.com/mp3splt/mp3splt/issues/338
    whole, num_samples = mp3
    path = tmp_path / "a.mp3"
    retagged_one = retagged(whole, 15 if lame else 3, len(frames_of(whole)) - 1 + more, lame=lame)
    id3v2 = b"ID3\x04" + bytes(5) + bytes([100]) + bytes(100)
    for before, behind in ((b"", b""), (id3v2, b""), (id3v2, b"TAG" + bytes(125))):
        path.write_bytes(before + retagged_one + behind)
        assert decode(path)[1].num_samples >= num_samples - 1152 * (more < 0)


def test_names_that_are_not_utf8(tmp_path):
    good = write(tmp_path / "good.flac", music(100))
    name = os.fsencode(tmp_path) + b"/caf\xe9\xff.flac"
    os.rename(good, name)
    path = os.fsdecode(name)
    assert decode(path)[1].num_samples == 100
    assert measure(path)[:2] == (RATE_HZ, 100)


@pytest.mark.parametrize("name", ["a.flac", "a.ogg", "a.mp3"])
def test_the_content_decides_and_not_the_name(tmp_path, name):
    path = write(tmp_path / name, music(5000))
    expected = reference(path)
    signal, file = decode(path.rename(tmp_path / "b.WAV"))
    np.testing.assert_allclose(signal, expected, rtol=0, atol=ATOL.get(path.suffix, 0))
    assert file.flags == ("misnamed",)


@pytest.mark.parametrize("ending", ["au", "snd", "gsm", "vox", "raw", "wav", ""])
def test_text_is_never_audio(tmp_path, ending):
    path = tmp_path / f"a.{ending}"
    path.write_text("this is no audio at all\n" * 50)
    assert str(failure(path)) == "unsupported_format: it looks like text"


def test_formats_whose_end_cannot_be_judged_are_refused(tmp_path):
    path = write(tmp_path / "a.voc", music(100), 8000)
    command = f"ffmpeg -i {path} {path.with_suffix('.flac')}"
    assert names(failure(path), "unsupported_format", "VOC (Creative Labs)", "Signed 16 bit PCM", command)


def test_a_form_of_an_encoding_that_libsndfile_lacks(tmp_path):
    data = wav_bytes(tmp_path)
    data[20:22] = struct.pack("<H", 0x11)  # IMA ADPCM, of 16 bits
    (tmp_path / "a.wav").write_bytes(data)
    error = failure(tmp_path / "a.wav")
    assert error.reason == "unsupported_format"
    assert error.message.startswith("libsndfile refuses this WAV file: ")


def test_no_bytes_and_no_samples(tmp_path):
    (tmp_path / "a.wav").write_bytes(b"")
    assert str(failure(tmp_path / "a.wav")) == "empty: the file has 0 bytes"
    for name in ("b.wav", "b.aiff", "b.w64", "b.au"):
        path = write(tmp_path / name, np.zeros((0, 1)))
        assert names(failure(path), "empty", "no samples")


@pytest.mark.parametrize("riff_size", [0, 8, 36])
def test_a_header_that_was_never_finished(tmp_path, riff_size):
    data = wav_bytes(tmp_path)
    data[4:8] = struct.pack("<I", riff_size)
    data[40:44] = bytes(4)
    (tmp_path / "a.wav").write_bytes(data)
    assert names(failure(tmp_path / "a.wav"), "truncated", "no audio", "16,000 bytes")


@pytest.mark.parametrize("mark", [0xFFFFFFFF, 0x7FFFF000, 0x80000000])
def test_a_wav_from_a_pipe_is_whole(tmp_path, mark):
    data = wav_bytes(tmp_path)
    data[4:8] = struct.pack("<I", min(mark + 36, 0xFFFFFFFF))
    data[40:44] = struct.pack("<I", mark)
    (tmp_path / "a.wav").write_bytes(data)
    signal, file = decode(tmp_path / "a.wav")
    np.testing.assert_array_equal(signal, reference(tmp_path / "good.wav"))
    assert file.flags == ("truncated_header",)


def test_a_flac_from_a_pipe_is_whole(tmp_path):
    good = write(tmp_path / "good.flac", music(70_000))
    path = tmp_path / "a.flac"
    path.write_bytes(flac_claiming(good.read_bytes(), 0))
    signal, file = decode(path)
    np.testing.assert_array_equal(signal, reference(good))
    assert file.claimed_samples is None
    assert file.flags == ("truncated_header",)
    assert measure(str(path))[:2] == (RATE_HZ, path.stat().st_size)


def test_a_claim_is_not_believed(tmp_path):
    good = write(tmp_path / "good.flac", music(5_000))
    path = tmp_path / "a.flac"
    path.write_bytes(flac_claiming(good.read_bytes(), 2**36 - 1))
    assert names(failure(path), "truncated", "68,719,476,735", " 5,000")
    assert measure(str(path))[:2] == (RATE_HZ, path.stat().st_size)


@pytest.mark.parametrize("kept, reason", [(0.5, "truncated"), (0.999, "truncated")])
def test_a_cut_flac(tmp_path, kept, reason):
    data = write(tmp_path / "good.flac", music(60_000)).read_bytes()
    (tmp_path / "a.flac").write_bytes(data[: int(len(data) * kept)])
    assert failure(tmp_path / "a.flac").reason == reason


def test_damage_in_the_middle_is_no_cut(tmp_path):
    data = bytearray(write(tmp_path / "good.flac", music(120_000)).read_bytes())
    middle = len(data) // 2
    data[middle : middle + 8] = bytes(8)
    (tmp_path / "a.flac").write_bytes(data)
    error = failure(tmp_path / "a.flac")
    assert error.reason == "unreadable"
    assert error.message.startswith("the audio is damaged after about ")


def test_a_damaged_page_of_ogg_is_noticed(tmp_path):
    data = bytearray(write(tmp_path / "good.ogg", music(200_000)).read_bytes())
    data[len(data) // 2] ^= 0xFF
    (tmp_path / "a.ogg").write_bytes(data)
    error = failure(tmp_path / "a.ogg")
    assert error.reason == "truncated"
    assert names(error.message, "200,000 samples per channel")
    page_at = data.rfind(b"OggS", 0, len(data) // 2)
    assert error.message.endswith(f": the Ogg page at byte {page_at:,} is damaged")


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite(tmp_path, bad):
    signal = music(3 * decode_module.BLOCK_SAMPLES, 2)
    signal[40_000, 1] = bad
    signal[80_000] = bad
    path = write(tmp_path / "a.wav", signal, RATE_HZ, "FLOAT")
    assert str(failure(path)) == ("nonfinite: 3 of 196,608 values are NaN or infinite, the first at 2.500 s")
    given = blocks_before_failure(path)
    assert 0 < sum(map(len, given)) <= 40_000
    assert all(np.isfinite(block).all() for block in given)


def test_a_double_beyond_float32_is_infinite_in_float32_alone(tmp_path):
    signal = music(100)
    signal[7] = 1e300
    path = write(tmp_path / "a.wav", signal, RATE_HZ, "DOUBLE")
    assert failure(path).reason == "nonfinite"
    np.testing.assert_array_equal(decode(path, "float64")[0], signal)


@pytest.mark.parametrize("rate_hz", [0x7FFFFFFF, 768_001])
def test_rates_that_make_no_sense(tmp_path, rate_hz):
    data = wav_bytes(tmp_path)
    data[24:28] = struct.pack("<I", rate_hz)
    (tmp_path / "a.wav").write_bytes(data)
    assert str(failure(tmp_path / "a.wav")) == (f"bad_rate: the sampling rate of {rate_hz} Hz is not in 1 to 768000 Hz")
    with pytest.raises(AudioError, match="bad_rate: "):
        measure(str(tmp_path / "a.wav"))


def test_flags_of_the_levels(tmp_path):
    assert decode(write(tmp_path / "a.wav", np.zeros((50_000, 1))))[1].flags == ("silent",)
    loud = np.clip(4 * music(50_000), -1, 1)
    assert decode(write(tmp_path / "b.wav", loud))[1].flags == ("clipped",)


def test_odd_chunks_behind_the_audio_are_fine(tmp_path):
    data = wav_bytes(tmp_path)
    (tmp_path / "a.wav").write_bytes(data + b"LIST" + struct.pack("<I", 9) + b"INFOIART\0" + b"\0")
    signal, file = decode(tmp_path / "a.wav")
    np.testing.assert_array_equal(signal, reference(tmp_path / "good.wav"))
    assert file.flags == ()


STALE = {
    "a.wav": (b"data", 4, "<I"),
    "a.aiff": (b"SSND", 4, ">I"),
    "a.caf": (b"data", 4, ">Q"),
    "a.au": (b".snd", 8, ">I"),
}
LIST = {"a.wav": b"LIST" + struct.pack("<I", 2000), "a.aiff": b"ID3 " + struct.pack(">I", 2000)}
LIST["a.caf"] = b"info" + struct.pack(">Q", 2000)


@pytest.mark.parametrize("name", STALE)
def test_a_header_that_claims_less_than_what_follows(tmp_path, name):
    tag, to_claim, form = STALE[name]
    path = write(tmp_path / name, music(48_000))
    good = path.read_bytes()
    data = bytearray(good)
    struct.pack_into(form, data, data.find(tag) + to_claim, 20_000)
    path.write_bytes(data)
    signal, file = decode(path)
    assert file.flags == ("truncated_header",)
    assert 9_990 <= len(signal) <= 10_000  # AIFF and CAF count a few bytes of their own
    np.testing.assert_array_equal(signal, decode(write(tmp_path / f"b{name[1:]}", music(48_000)))[0][: len(signal)])


@pytest.mark.parametrize("name", STALE)
def test_what_follows_the_audio_of_good_files(tmp_path, name):
    path = write(tmp_path / name, music(8_001))
    good = path.read_bytes()
    chunk = LIST[name] + b"\x01" * 2000 if name in LIST else b""
    for behind in (chunk, bytes(5000), b"\x07" * 1023, b"TAG" + b"\x20" * 125, b"ID3\x04" + b"\x01" * 3000):
        path.write_bytes(good + behind)
        signal, file = decode(path)
        assert (len(signal), file.flags) == (8_001, ())
    path.write_bytes(good + b"\x07" * 1024)
    assert decode(path)[1].flags == ("truncated_header",)


def test_measure_leaves_judging_the_end_to_the_decoding(tmp_path):
    (tmp_path / "a.wav").write_bytes(wav_bytes(tmp_path)[: WAV_HEADER_BYTES + 100])
    assert measure(str(tmp_path / "a.wav"))[:2] == (RATE_HZ, 50)
    with pytest.raises(AudioError, match="vanished: "):
        measure(str(tmp_path / "none.wav"))


def test_no_descriptor_stays_open(tmp_path):
    def lowest_free() -> int:
        descriptor = os.open(os.devnull, os.O_RDONLY)
        os.close(descriptor)
        return descriptor

    before = lowest_free()
    (tmp_path / "text.wav").write_text("text")
    (tmp_path / "cut.wav").write_bytes(wav_bytes(tmp_path)[:100])
    write(tmp_path / "a.voc", music(100), 8000)
    kept = [failure(tmp_path / name) for name in ("text.wav", "cut.wav", "a.voc")]  # with their tracebacks
    assert len(kept) == 3
    decode(tmp_path / "good.wav")
    assert lowest_free() == before


@pytest.mark.parametrize("code, expected", [(17, MemoryError), (2, AudioError)])
def test_what_libsndfile_says_of_the_machine(tmp_path, monkeypatch, code, expected):
    path = write(tmp_path / "a.wav", music(100))

    def fail(*arguments, **options):
        raise soundfile.LibsndfileError(code)

    with AudioFile(str(path)) as file:
        monkeypatch.setattr(soundfile.SoundFile, "read", fail)
        with pytest.raises(expected) as caught:
            next(file.blocks())
    monkeypatch.setattr(soundfile.SoundFile, "__init__", fail)
    monkeypatch.setattr(soundfile.SoundFile, "__del__", lambda self: None)
    with pytest.raises(expected):
        AudioFile(str(path))
    if expected is AudioError:
        assert caught.value.reason == "unreadable"
