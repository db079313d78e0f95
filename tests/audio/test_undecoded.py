"""What libsndfile does not read: named, and refused with the command that converts it."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess

import pytest

from melcli.audio.decode import AudioFile
from melcli.audio.undecoded import DetectedFormat, conversion, describe
from melcli.errors import AudioError
from tests.audio.ogg_builder import page

REST = bytes(range(256))  # so that no head is text

HEADS = {
    "MP4 audio (AAC or ALAC)": [b"\0\0\0\x20ftypM4A ", b"\0\0\0\x20ftypM4B "],
    "MP4": [b"\0\0\0\x18ftypisom", b"\0\0\0\x18ftypmp42", b"\0\0\0\x18ftypdash"],
    "3GPP": [b"\0\0\0\x18ftyp3gp4", b"\0\0\0\x18ftyp3g2a"],
    "QuickTime": [b"\0\0\0\x14ftypqt  ", b"\0\0\1\0moov", b"\x12\0\0\0mdat", b"\0\0\0\x08wide"],
    "WebM or Matroska": [b"\x1a\x45\xdf\xa3\x01"],
    "Windows Media (WMA, WMV)": [b"\x30\x26\xb2\x75\x8e\x66\xcf\x11"],
    "AVI": [b"RIFF\0\0\0\0AVI LIST"],
    "Flash video": [b"FLV\1\5"],
    "RealMedia": [b".RMF\0"],
    "RealAudio": [b".ra\xfd\0"],
    "raw AAC (ADTS)": [b"\xff\xf1\x50\x80", b"\xff\xf9\x50\x80"],
    "raw AAC (ADIF)": [b"ADIF\0"],
    "AMR": [b"#!AMR\n\x3c"],
    "AMR wideband": [b"#!AMR-WB\n\x04"],
    "AC-3 or E-AC-3": [b"\x0b\x77\1\2"],
    "DTS": [b"\x7f\xfe\x80\x01", b"\xfe\x7f\x01\x80", b"DTSHDHDR\0"],
    "Monkey's Audio": [b"MAC \x96\x0f"],
    "WavPack": [b"wvpk\0"],
    "Musepack": [b"MPCKSH\0", b"MP+\x17"],
    "True Audio": [b"TTA1\1\0", b"TTA2\1\0"],
    "TAK": [b"tBaK\1"],
    "Shorten": [b"ajkg\2"],
    "QOA": [b"qoaf\0"],
    "DSD (DSF)": [b"DSD \x1c"],
    "DSD (DSDIFF)": [b"FRM8\0"],
    "an Amiga 8SVX file": [b"FORM\0\0\0\0" + b"8SVXVHDR"],
    "a Creative voice file": [b"Creative Voice File\x1a"],
    "an MPEG program stream": [b"\0\0\1\xba"],
    "an MPEG transport stream": [(b"G" + bytes(187)) * 3, bytes(4) + (b"G" + bytes(191)) * 3],
}


@pytest.mark.parametrize("name, head", [(name, head) for name, heads in HEADS.items() for head in heads])
def test_audio_and_video_is_named_and_comes_with_a_command(tmp_path, name, head):
    assert describe(head + REST) == DetectedFormat(name, is_media=True)
    path = tmp_path / "a.m4a"
    path.write_bytes(head + REST)
    if head.startswith(b"OggS"):
        return  # see test_speex_in_ogg: libsndfile is not asked about what is no complete Ogg file
    error = failure(path)
    assert error.reason == "unsupported_format"
    assert error.message == (
        f"it looks like {name}, which libsndfile does not read; "
        f"convert it: ffmpeg -i {path} {path.with_suffix('.flac')}"
    )


@pytest.mark.parametrize(
    "head, name",
    [
        (b"version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer, whose audio was not fetched"),
        (b"\0\0\0\x18ftypheic\0", "a HEIC picture"),
        (b"MThd\0\0\0\6", "MIDI, which contains notes but no audio"),
        (b"\n<!DOCTYPE html>", "HTML or XML"),
        ("Grüße, text".encode(), "text"),
        (b"MAC address of the recorder: unknown", "text"),
        (bytes(512), "nothing but zero bytes"),
        (b"\x01\x02\x03\x80", ""),
    ],
)
def test_what_no_decoder_reads_is_named_without_a_command(tmp_path, head, name):
    assert describe(head) == DetectedFormat(name, is_media=False)
    (tmp_path / "a.wav").write_bytes(head)
    error = failure(tmp_path / "a.wav")
    assert (error.reason, "ffmpeg" in error.message) == ("unsupported_format", False)


def test_what_has_no_magic_number_comes_with_a_command_unless_its_name_is_one_of_ours(tmp_path):
    path = tmp_path / "a.gsm"
    path.write_bytes(b"\xd2\x01\x80" * 100)
    unknown = "its first bytes match no format of libsndfile"
    assert failure(path).message == f"{unknown}; convert it: ffmpeg -i {path} {path.with_suffix('.flac')}"
    assert failure(path.rename(tmp_path / "a.wav")).message == unknown


def test_an_id3_tag_hides_nothing(tmp_path):
    path = tmp_path / "a.aac"
    path.write_bytes(b"ID3\4\0\0\0\0\0\x0a" + bytes(10) + b"\xff\xf1\x50\x80" + REST)
    assert failure(path).message.startswith("it looks like raw AAC (ADTS), ")


def test_speex_in_ogg(tmp_path):
    """A complete Ogg file: one page that is the first and the last, and says Speex."""
    content = b"Speex   1.2" + bytes(69)
    path = tmp_path / "a.spx"
    path.write_bytes(page(2 | 4, content))
    assert str(failure(path)) == (
        "unsupported_format: this Ogg file holds Speex, which melcli does not read; "
        f"convert it: ffmpeg -i {path} {path.with_suffix('.flac')}"
    )


def test_what_libsndfile_reads_and_we_do_not_comes_with_a_command(tmp_path):
    """An item called a.wav is converted to a.wav.flac, since a.wav and a.flac would be a name clash."""
    path = tmp_path / "a.wav"
    path.write_bytes(b"\0\0\0\x20ftypM4A " + REST)
    assert failure(path).message.endswith(f"; convert it: ffmpeg -i {path} {path}.flac")


@pytest.mark.parametrize(
    "path, command",
    [
        ("d/a.m4a", "ffmpeg -i d/a.m4a d/a.flac"),
        ("my talk.m4a", "ffmpeg -i 'my talk.m4a' 'my talk.flac'"),
        ("a.b/c", "ffmpeg -i a.b/c a.b/c.flac"),
        ("it's.mp4", """ffmpeg -i 'it'"'"'s.mp4' 'it'"'"'s.flac'"""),
        ("-y.mp4", "ffmpeg -i ./-y.mp4 ./-y.flac"),
        ("http:x.mp4", "ffmpeg -i ./http:x.mp4 ./http:x.flac"),
        ("/d/a:b.mp4", "ffmpeg -i /d/a:b.mp4 /d/a:b.flac"),
        ("$HOME;\x1b'\\.mp4", "ffmpeg -i $'$HOME;\\x1b\\'\\\\.mp4' $'$HOME;\\x1b\\'\\\\.flac'"),
    ],
)
def test_the_command_is_quoted_for_a_shell(path, command):
    assert conversion(path, keep_extension=False) == command


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
@pytest.mark.parametrize(
    "name", [b"a\nb.mp4", b"\xff'\\ $x\t.mp4", "ü \u202e.mp4".encode(), b"\x1b[31m.mp4", b"`id`.mp4"]
)
def test_a_shell_reads_the_name_as_it_is(name):
    command = conversion(os.fsdecode(name), keep_extension=False).removeprefix("ffmpeg -i ")
    said = subprocess.run(
        ["bash", "-c", f"printf '%s\\0' {command}"], capture_output=True, check=True, env={"LC_ALL": "C.UTF-8"}
    )
    assert said.stdout.split(b"\0")[0] == name
    assert command.isprintable()


def test_plain_names_are_quoted_as_shlex_does():
    assert shlex.split(conversion("a 'b'.mp4", keep_extension=True)) == ["ffmpeg", "-i", "a 'b'.mp4", "a 'b'.mp4.flac"]


def failure(path) -> AudioError:
    with pytest.raises(AudioError) as raised, AudioFile(str(path)):
        pass
    return raised.value
