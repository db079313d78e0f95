"""What libsndfile is shown of MPEG audio, and what comes out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from melcli.audio.decode import AudioFile, measure
from melcli.audio.mpeg import end_of_mpeg, with_frames
from melcli.audio.mpeg_header import Header
from melcli.audio.mpeg_views import mpeg_views
from melcli.audio.view import Extent
from melcli.errors import AudioError
from tests.audio.mpeg_bytes import ID3V1, ID3V2, LYRICS3, NOISE, ape, bare, reader, silence, tagged, uncounted, vbri
from tests.audio.sounds import frames_of, untagged
from tests.messages import names
from tests.tiers import full_but

FORMS = {"tagged": lambda mp3: mp3, "untagged": bare, "uncounted": uncounted}


@pytest.fixture(scope="module", params=full_but([(16_000, 1), (44_100, 2), (8_000, 2)], (44_100, 2)))
def mp3(request) -> bytes:
    return tagged(3.0, *request.param, mode="VARIABLE")


def views_of(data: bytes):
    return mpeg_views(with_frames(reader(data), end_of_mpeg(reader(data), len(data))))


def decoded(folder: Path, data: bytes, truncated: str = "fail") -> tuple[np.ndarray, AudioFile]:
    path = folder / "a.mp3"
    path.write_bytes(data)
    with AudioFile(str(path), truncated=truncated) as file:
        blocks = list(file.blocks())
    return np.concatenate(blocks), file


def failure(folder: Path, data: bytes, truncated: str = "fail") -> str:
    with pytest.raises(AudioError) as caught:
        decoded(folder, data, truncated)
    return str(caught.value)


def test_an_ordinary_file_is_shown_as_it_is(mp3):
    assert views_of(mp3) is None
    assert views_of(mp3 + ape(40) + ID3V1) is None


def test_frames_alone_are_shown(mp3):
    frames = bare(mp3)
    (view,) = views_of(b"\0" * 9 + frames + bytes(3000) + ID3V1)
    assert view.pieces == (Extent(9, len(frames)),)
    assert view.claimed_size > 60 * len(frames)
    assert view.num_samples == len(frames_of(frames)) * Header.read(frames).num_samples
    (view,) = views_of(b"\0" * 9 + mp3 + ID3V1)
    assert (view.pieces, view.claimed_size, view.num_samples) == ((Extent(9, len(mp3)),), None, None)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize(
    "junk",
    [b"\0", bytes(4096), NOISE[:4096], NOISE[:300_000], ID3V2 + bytes(3000), b"\xff" * 9],
    ids=["zero", "zeros", "noise", "a lot", "padding behind ID3", "ones"],
)
def test_what_lies_before_the_first_frame_is_no_audio(tmp_path, mp3, form, junk):
    expected = decoded(tmp_path, form(mp3))[0]
    found, file = decoded(tmp_path, junk + form(mp3))
    np.testing.assert_array_equal(found, expected)
    assert (file.flags, file.format) == ((), "mp3/mpeg_layer_iii")
    assert measure(str(tmp_path / "a.mp3"))[0] == file.sampling_rate


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize(
    "tail",
    [LYRICS3, bytes(1025), bytes(16_000), NOISE[:16_000], ape(9000) + LYRICS3, NOISE[:3000] + ID3V1],
    ids=["Lyrics3", "zeros", "more zeros", "noise", "APE, Lyrics3", "noise, ID3v1"],
)
def test_what_lies_behind_the_last_frame_is_no_audio(tmp_path, mp3, form, tail):
    expected = decoded(tmp_path, form(mp3))[0]
    found, file = decoded(tmp_path, form(mp3) + tail)
    np.testing.assert_array_equal(found, expected)
    assert file.flags == ()


def test_the_frame_of_a_vbri_tag_is_no_audio(tmp_path, mp3):
    expected = decoded(tmp_path, bare(mp3))[0]
    for before in (b"", ID3V2, b"\0"):
        np.testing.assert_array_equal(decoded(tmp_path, before + vbri(mp3))[0], expected)
    header_as_audio = decoded(tmp_path, untagged(mp3))[0]
    assert len(header_as_audio) - len(expected) in (576, 1152)


def test_files_without_a_tag_one_after_the_other_are_all_decoded(tmp_path, mp3):
    frames = bare(mp3)
    found = decoded(tmp_path, frames + ID3V1 + ID3V2 + frames)[0]
    np.testing.assert_array_equal(found, decoded(tmp_path, frames + frames)[0])
    assert len(found) == 2 * len(decoded(tmp_path, frames)[0])


@pytest.mark.parametrize("header", [b"\xff\xfd\x84\xc0", b"\xff\xff\x84\xc0"], ids=["MP2", "MP1"])
def test_other_layers(tmp_path, header):
    frames = silence(header, 50)
    for data in (frames, b"\0" + frames, frames + bytes(5000)):
        found, file = decoded(tmp_path, data)
        assert len(found) == 50 * (1152 if header[1] == 0xFD else 384)
        assert file.flags == ("silent",)


def test_a_file_that_begins_inside_a_frame(tmp_path, mp3):
    frames = bare(mp3)
    cut = frames_of(frames)[20]
    expected = decoded(tmp_path, frames[cut:])[0]
    np.testing.assert_array_equal(decoded(tmp_path, frames[cut - 100 :])[0], expected)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_a_cut_file_is_kept_to_its_last_frame(tmp_path, mp3, form):
    data = form(mp3)
    starts = frames_of(data)
    complete = decoded(tmp_path, data)[0]
    for cut in (len(data) - 1, starts[len(starts) * 3 // 4] + 40, starts[9] + 5):
        assert failure(tmp_path, data[:cut]).startswith("truncated: ")
        kept, file = decoded(tmp_path, data[:cut], "keep")
        np.testing.assert_array_equal(kept, complete[: len(kept)])
        num_frames = sum(start <= cut for start in starts) - 1
        assert len(kept) >= (num_frames - 3) * Header.read(data).num_samples  # without the tag, and LAME's delay
        assert file.flags == ("truncated",)


def test_a_complete_file_has_no_flag_with_keep(tmp_path, mp3):
    assert decoded(tmp_path, mp3, "keep")[1].flags == ()


@pytest.mark.parametrize("size", [100, 300])
def test_a_cut_that_leaves_nothing_is_a_failure_with_keep_too(tmp_path, mp3, size):
    for form in (*FORMS.values(), vbri):
        assert failure(tmp_path, form(mp3)[:size], "keep").startswith("truncated: ")


def test_damage_is_placed_where_it_is(tmp_path, mp3):
    at = frames_of(mp3)[41]
    damaged = mp3[:at] + bytes(3000) + mp3[at:]
    header = Header.read(mp3)
    place = f"{40 * header.num_samples / header.sampling_rate:.3f} s"
    for data in (damaged, bare(damaged)):
        message = failure(tmp_path, data)
        assert message.startswith(f"unreadable: the audio is damaged after about {place}")


def test_a_frame_that_is_lost_is_placed(tmp_path, mp3):
    at = frames_of(mp3)[41]
    damaged = mp3[:at] + bytes(4) + mp3[at + 4 :]
    assert names(failure(tmp_path, damaged), "the audio is damaged after about ")
    assert failure(tmp_path, bare(damaged)).startswith("unreadable: the audio is damaged after about ")
    kept, file = decoded(tmp_path, damaged, "keep")
    assert file.flags == ("truncated",)
    assert len(kept) < file.claimed_samples
