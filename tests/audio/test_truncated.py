"""Files that end early: refused by default, and kept where that is wanted."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from melcli.audio.decode import AudioFile
from melcli.audio.load import load_audio
from melcli.audio.options import AudioOptions
from melcli.errors import AudioError
from tests.audio.sounds import decode, flac_claiming, music, write
from tests.audio.waves import as_float, chunk, form, noise, wav
from tests.messages import names
from tests.tiers import full_but

NUM_SAMPLES = 60_000


def keep(path) -> tuple[np.ndarray, AudioFile]:
    with AudioFile(str(path), truncated="keep") as file:
        blocks = list(file.blocks())
    return np.concatenate(blocks), file


def refuse(path, **options) -> AudioError:
    with pytest.raises(AudioError) as caught, AudioFile(str(path), **options) as file:
        for _ in file.blocks():
            pass
    return caught.value


FORMATS = [
    *(("a.wav", "PCM_16"), ("a.wav", "FLOAT"), ("a.wav", "IMA_ADPCM"), ("a.wav", "MS_ADPCM"), ("a.wav", "GSM610")),
    *(("a.rf64", "PCM_16"), ("a.w64", "PCM_24"), ("a.aiff", "PCM_16"), ("a.aiff", "IMA_ADPCM"), ("a.au", "PCM_16")),
    *(("a.au", "G721_32"), ("a.caf", "PCM_16"), ("a.nist", "PCM_16"), ("a.flac", "PCM_16")),
]


@pytest.mark.parametrize("kept", full_but([0.1, 0.5, 0.999], 0.5))
@pytest.mark.parametrize("name, subtype", FORMATS)
def test_what_is_there_is_kept(tmp_path, name, subtype, kept):
    path = write(tmp_path / name, music(NUM_SAMPLES), 16_000, subtype)
    whole = decode(path)[0]
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * kept)])
    assert refuse(path).reason == "truncated"
    signal, file = keep(path)
    assert file.flags == ("truncated",)
    np.testing.assert_array_equal(signal, whole[: len(signal)])
    # FLAC has frames of 4,096 samples and no fixed size, CAF a header of 4,096 bytes.
    assert kept * len(whole) - {"a.flac": 6_000, "a.caf": 2_100}.get(name, 600) < len(signal) < len(whole)


@pytest.mark.parametrize("too_much", [1, 2, 36, 44])
def test_a_length_that_is_a_little_too_large(tmp_path, too_much):
    samples = noise(8_000)
    path = tmp_path / "a.wav"
    path.write_bytes(wav(form(), chunk(b"data", samples.tobytes(), 16_000 + too_much)))
    assert refuse(path).reason == "truncated"
    signal, file = keep(path)
    np.testing.assert_array_equal(signal, as_float(samples))
    assert file.flags == ("truncated",)


def test_a_flac_that_claims_more_than_it_has(tmp_path):
    path = tmp_path / "a.flac"
    path.write_bytes(flac_claiming(write(tmp_path / "good.flac", music(5_000)).read_bytes(), 9_000))
    assert names(refuse(path), "truncated", "9,000 samples per channel", " 5,000")
    assert (len(keep(path)[0]), keep(path)[1].flags) == (5_000, ("truncated",))


def test_where_nothing_can_be_decoded_it_still_fails(tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(wav(form(), chunk(b"data", b"", 1_000)))
    assert names(refuse(path, truncated="keep"), "truncated", "1,000 bytes", " 0 bytes")


def test_damage_in_the_middle_is_no_early_end(tmp_path):
    data = bytearray(write(tmp_path / "good.flac", music(120_000)).read_bytes())
    middle = len(data) // 2
    data[middle : middle + 8] = bytes(8)
    (tmp_path / "a.flac").write_bytes(data)
    assert refuse(tmp_path / "a.flac", truncated="keep").reason == "unreadable"


def test_the_reason_says_how_much_of_a_cut_flac_was_decoded(tmp_path):
    path = write(tmp_path / "a.flac", music(NUM_SAMPLES))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    num_samples = len(keep(path)[0])
    assert num_samples % 4096 == 0  # whole frames
    assert refuse(path).message == f"the file ends inside a frame, after about {num_samples / 16_000:.3f} s"


def test_the_options_are_passed_on(tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(wav(form(), chunk(b"data", noise(8_000).tobytes(), 16_002)))
    audio = load_audio(str(path), AudioOptions(truncated="keep"), sampling_rate=16_000)
    assert (audio.flags, audio.signals.shape) == (("truncated",), (1, 8_000))


def test_a_second_data_chunk_that_is_cut_is_kept(tmp_path):
    samples = noise(8_000)
    path = tmp_path / "a.wav"
    chunks = [chunk(b"data", part.tobytes()) for part in (samples[:5_000], samples[5_000:])]
    path.write_bytes(wav(form(), *chunks)[:-100])
    np.testing.assert_array_equal(keep(path)[0], as_float(samples)[:7_950])


def test_an_au_that_was_never_finished(tmp_path):
    path = write(tmp_path / "a.au", music(8_000))
    whole = decode(path)[0]
    data = path.read_bytes()
    path.write_bytes(data[:8] + bytes(4) + data[12:])
    np.testing.assert_array_equal(keep(path)[0], whole)


def test_a_wav_that_was_never_finished(tmp_path):
    samples = noise(8_000)
    path = tmp_path / "a.wav"
    path.write_bytes(b"RIFF" + struct.pack("<I", 0) + wav(form(), chunk(b"data", samples.tobytes(), 0))[8:])
    assert refuse(path).reason == "truncated"
    signal, file = keep(path)
    np.testing.assert_array_equal(signal, as_float(samples))
    assert file.flags == ("truncated",)


def test_an_au_that_ends_before_its_audio(tmp_path):
    path = write(tmp_path / "a.au", music(8_000), 8_000, "G721_32")
    data = path.read_bytes()
    path.write_bytes(data[:4] + (100_000).to_bytes(4, "big") + b"\xff" * 4 + data[12:])
    assert refuse(path, truncated="keep").reason in {"truncated", "empty", "unsupported_format"}
