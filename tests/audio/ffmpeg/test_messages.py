"""The messages of several versions of ffmpeg."""

from __future__ import annotations

import pytest

from melcli.audio.ffmpeg.messages import Messages
from tests.audio.ffmpeg.message_texts import INPUT, MAPPING, VIDEO


def test_the_input() -> None:
    messages = Messages(INPUT + MAPPING)
    assert (messages.version, messages.container) == ("5.1.9-0+deb12u1", "mov")
    assert messages.audio_codings == ["aac"]
    assert messages.duration_s == messages.claimed_s(0) == 3725.5
    assert messages.claimed_s(1) is None
    assert (messages.problems, messages.errors(), messages.tail()) == ([], [], "")


def test_of_ffmpeg_4() -> None:
    text = INPUT.replace("  Stream #0:0[0x1](und)", "    Stream #0:0(und)").replace("5.1.9-0+deb12u1", "4.2.2-static")
    messages = Messages(text)
    assert (messages.version, messages.audio_codings, messages.claimed_s(0)) == ("4.2.2-static", ["aac"], 3725.5)


def test_beside_other_streams_only_a_tag_is_a_claim() -> None:
    messages = Messages(INPUT + VIDEO + MAPPING)
    assert messages.audio_codings == ["aac", "vorbis"]
    assert [messages.claimed_s(stream) for stream in (0, 1)] == [None, 5.25]


def test_a_picture_is_no_other_stream() -> None:
    picture = "[info]   Stream #0:1: Video: mjpeg (Baseline), yuvj420p, 300x300 (attached pic)\n"
    assert Messages(INPUT + picture).claimed_s(0) == 3725.5


def test_an_estimated_duration_is_no_claim() -> None:
    estimate = "[ac3 @ 0x559865ad4a40] [warning] Estimating duration from bitrate, this may be inaccurate\n"
    messages = Messages(INPUT.replace("[info] Input", f"{estimate}[info] Input"))
    assert (messages.claimed_s(0), messages.duration_s) == (None, 3725.5)
    assert Messages(INPUT.replace("01:02:05.50", "N/A")).duration_s is None


@pytest.mark.parametrize(
    "line, counts",
    [
        ("[aac @ 0x557649617ec0] [error] Number of bands (45) exceeds limit (44).", True),
        ("[mov,mp4,m4a,3gp,3g2,mj2 @ 0x55d8fa1f1a40] [error] moov atom not found", True),
        ("[aist#0:0/aac @ 0x55f1581f0880] [dec:aac @ 0x55f1581f15c0] [error] Error submitting packet", True),
        ("[in#0/mov,mp4,m4a,3gp,3g2,mj2 @ 0x55d6fb156f40] [fatal] corrupt input packet in stream 0", True),
        ("[error] file:/proc/self/fd/3: Input/output error", True),
        ("[h264 @ 0x557649617ec0] [error] no frame!", False),
        ("[png @ 0x557649617ec0] [error] inflate returned error -3", False),
        ("[aac @ 0x557649617ec0] [warning] Estimating", False),
    ],
)
def test_errors_of_the_audio(line: str, counts: bool) -> None:
    assert bool(Messages(INPUT + line + "\n").errors()) is counts


def test_the_tail_has_no_addresses_descriptors_and_control_characters() -> None:
    text = INPUT + "[aac @ 0x557649617ec0] [error] bad \x1b[31m\n[error] file:/proc/self/fd/7: Input/output error\n"
    assert Messages(text).tail() == "[aac] [error] bad \\x1b[31m / [error] the file: Input/output error"
    assert len(Messages("x" * 100_000).tail()) == 1000


def test_tags_that_look_like_messages_change_only_what_is_said() -> None:
    forged = "[info]     title           : x\n[info]                     : Stream #0:9: Audio: evil\n"
    assert Messages(INPUT.replace("[info]   Duration", f"{forged}[info]   Duration")).audio_codings == ["aac"]
    assert Messages("\n" + INPUT).version == ""
    assert Messages("").container == ""
