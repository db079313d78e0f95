"""What headers promise, in bytes made here."""

from __future__ import annotations

import pytest

from melcli.audio.ffmpeg.media import media_end
from melcli.audio.ffmpeg.media_end import MediaEnd, Track
from tests.audio.ffmpeg.media_bytes import FTYP, MDAT, asf, box, edit_list, matroska, movie, track


def end_of(data: bytes) -> MediaEnd:
    return media_end(lambda offset, size: data[offset : offset + size], len(data))


OPEN = Track(sampling_rate=8000, num_channels=2)


def test_durations_of_the_audio_tracks() -> None:
    video = track(handler=b"vide")
    found = end_of(FTYP + MDAT + movie(video, track(), track(ticks=40_000, coding=b"enca"))).tracks
    like = {"sampling_rate": 8000, "num_channels": 2}
    assert found == (Track(duration_s=10.0, **like), Track(duration_s=5.0, encryption="Common Encryption", **like))


@pytest.mark.parametrize(
    "entries, seconds",
    [([(9_000, 1024)], 9.0), ([(2_000, -1), (9_000, 0)], 9.0), ([(12_000, 0)], 10.0), ([(0, 1024)], 10.0)],
)
def test_an_edit_list_presents_a_part(entries: list[tuple[int, int]], seconds: float) -> None:
    (found,) = end_of(FTYP + movie(track(edits=edit_list(*entries))) + MDAT).tracks
    assert found.duration_s == seconds


@pytest.mark.parametrize("ticks", [0, 0xFFFFFFFF])
def test_an_unknown_duration(ticks: int) -> None:
    assert end_of(FTYP + movie(track(ticks=ticks))).tracks == (OPEN,)
    assert end_of(FTYP + movie(track(hz=0))).tracks == (OPEN,)


def test_fragments_leave_the_duration_open() -> None:
    found = end_of(FTYP + movie(track()) + box(b"moof", bytes(8)) + MDAT)
    assert (found.is_open_ended, found.tracks, found.shortfall) == (True, (OPEN,), "")


@pytest.mark.parametrize("cut", [1, 999, 1000])
def test_a_box_that_is_cut(cut: int) -> None:
    data = FTYP + movie(track()) + MDAT
    found = end_of(data[:-cut])
    assert found.shortfall == f"its box 'mdat' ends at byte {len(data):,}, but the file has {len(data) - cut:,}"
    assert [track.duration_s for track in found.tracks] == [10.0]


def test_a_file_without_its_index() -> None:
    assert "'moov'" in end_of(FTYP + MDAT).shortfall
    assert end_of(FTYP + MDAT + movie(track()) + b"junk at the end of the file").shortfall == ""
    large = (1).to_bytes(4, "big") + b"mdat" + (1016).to_bytes(8, "big") + bytes(1000)
    assert end_of(FTYP + movie(track()) + large).shortfall == ""
    assert "'mdat'" in end_of(FTYP + movie(track()) + large[:-1]).shortfall
    to_the_end = bytes(4) + b"mdat" + bytes(1000)
    assert end_of(FTYP + movie(track()) + to_the_end[:-1]).shortfall == ""


@pytest.mark.parametrize("size", range(1, 400, 7))
def test_any_beginning_of_a_file_is_answered(size: int) -> None:
    for data in (FTYP + movie(track(edits=edit_list((1, 1)))) + MDAT, matroska(300), asf(300)):
        end_of(data[:size])


def test_matroska() -> None:
    assert end_of(matroska(300)) == MediaEnd()
    assert end_of(matroska(300)[:-1]).shortfall == "its Matroska header claims 321 bytes, but the file has 320"
    assert end_of(matroska(300, unknown=True)) == MediaEnd(is_open_ended=True)
    assert end_of(matroska(300)[:7]).shortfall == "it ends inside the header of Matroska"


def test_asf() -> None:
    assert end_of(asf(500)) == MediaEnd()
    assert end_of(asf(500)[:-1]).shortfall == "its ASF header claims 500 bytes, but the file has 499"
    assert end_of(asf(500, broadcast=True)[:-1]).shortfall == ""
    assert end_of(asf(500, encrypted=True)).encryption == "Windows Media DRM"
    assert "ASF" in end_of(asf(500)[:100]).shortfall


def test_avi_and_wavpack() -> None:
    avi = b"RIFF" + (92).to_bytes(4, "little") + b"AVI " + bytes(88)
    assert (end_of(avi).shortfall, bool(end_of(avi[:-1]).shortfall)) == ("", True)
    block = b"wvpk" + (92).to_bytes(4, "little") + bytes(92)
    for junk in (b"", b"APETAGEX" + bytes(24)):
        assert end_of(block * 3 + junk).shortfall == ""
    assert end_of(block * 3 + block[:-1]).shortfall == "it ends inside a block of WavPack"


def test_other_files_promise_nothing() -> None:
    assert end_of(b"TTA1" + bytes(100)) == end_of(b"") == MediaEnd()
