"""Audio and video that melcli cannot decode: items that fail, whatever is beside them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.shell import Ended
from tests.run.corpus import LIGHT, encode, noise, plant, rows
from tests.run.invariants import check_finished, check_printed

Command = Callable[..., Ended]

M4A = b"\0\0\0\x20ftypM4A \0\0\2\0isomiso2" + bytes(range(256)) * 40


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """A recording, the same as M4A, and a video beside both."""
    folder = tmp_path / "in"
    plant(folder, "a.wav", seconds=0.1)
    (folder / "a.m4a").write_bytes(M4A)
    (folder / "my talk.mp4").write_bytes(M4A.replace(b"M4A ", b"isom"))
    (folder / "notes.txt").write_text("no audio")
    return folder


@pytest.mark.parametrize("format_", ["npy", "hdf5"])
@pytest.mark.parametrize("keep", [(), ("--keep-extension",)])
def test_they_fail_and_the_others_are_done(
    melcli: Command, mixed: Path, tmp_path: Path, format_: str, keep: tuple[str, ...]
) -> None:
    out = tmp_path / "out"
    ended = melcli("extract", mixed, *LIGHT, "-f", format_, *keep, "-q", "-o", out)
    assert (ended.code, ended.out) == (3, "")
    check_printed(ended.err)
    check_finished(out)
    audio = "a.wav" if keep else "a"
    found = rows(out)
    assert {item_id: row["reason"] for item_id, row in found.items()} == {
        audio: None,
        "a.m4a": "unsupported_format",
        "my talk.mp4": "unsupported_format",
    }
    assert found["a.m4a"]["message"] == (
        f"{mixed}/a.m4a: it looks like MP4 audio (AAC or ALAC), which libsndfile does not read; "
        f"convert it: ffmpeg -i {mixed}/a.m4a {mixed}/a.flac"
    )
    assert found["my talk.mp4"]["message"].endswith(f"ffmpeg -i '{mixed}/my talk.mp4' '{mixed}/my talk.flac'")
    assert len(ended.err.splitlines()) == 2

    again = melcli("extract", mixed, *LIGHT, "-f", format_, *keep, "-o", out)
    assert again.code == 3
    assert again.last_line.startswith("1 ok (1 unchanged)  2 failed  ")


def test_a_folder_of_nothing_else_ends_with_3(melcli: Command, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.WMA").write_bytes(b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\0")
    assert melcli("extract", tmp_path / "in", *LIGHT, "-o", tmp_path / "out").code == 3
    assert list(rows(tmp_path / "out")) == ["a.WMA"]


def test_the_globs_hold_for_them(melcli: Command, mixed: Path, tmp_path: Path) -> None:
    ended = melcli("extract", mixed, *LIGHT, "--exclude", "*.m4a", "--exclude", "*.mp4", "-o", tmp_path / "one")
    assert ended.code == 0
    assert ended.err.splitlines()[0] == "skipped 3: 2 excluded, 1 other (.txt 1)"
    ended = melcli("extract", mixed, *LIGHT, "--include", "*.wav", "-o", tmp_path / "two")
    assert ended.code == 0
    assert ended.err.splitlines()[0] == "skipped 3: 3 other (.m4a 1, .mp4 1, .txt 1)"


def test_plans_show_them(melcli: Command, mixed: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    planned = melcli("extract", mixed, *LIGHT, "-nv", "-o", out)
    assert (planned.code, planned.out) == (0, "+ a\n+ a.m4a\n+ my talk.mp4\n")
    assert "warning" not in planned.err
    melcli("extract", mixed, *LIGHT, "-o", out)
    for inputs in ((mixed,), ()):
        told = melcli("status", out, *inputs, "--check")
        assert (told.code, told.out) == (4, "! a.m4a\n! my talk.mp4\n")


@pytest.mark.parametrize("format_", ["npy", "hdf5"])
def test_the_estimate_of_space_counts_them_as_nothing(
    melcli: Command, mixed: Path, tmp_path: Path, format_: str
) -> None:
    def expected_bytes(*arguments: Any) -> int:
        ended = melcli("extract", mixed, *LIGHT, "-f", format_, "-n", "--json", *arguments, "-o", tmp_path / "out")
        space: int = json.loads(ended.out)["space"]["expected_bytes"]
        return space

    assert expected_bytes() == expected_bytes("--exclude", "*.m4a", "--exclude", "*.mp4") > 0


def test_a_converted_file_is_a_new_item_and_nothing_else_changes(melcli: Command, tmp_path: Path) -> None:
    """Whether a.m4a stays, goes, or stays while the converted file goes."""
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    (folder / "a.m4a").write_bytes(M4A)
    arguments = ("extract", folder, *LIGHT, "-o", out)
    assert melcli(*arguments).code == 3

    (folder / "a.flac").write_bytes(encode(noise(1, seconds=0.1), ".flac"))
    assert melcli(*arguments, "-nv").out == "+ a\n! a.m4a\n"
    assert melcli(*arguments).code == 3
    assert {item_id: row["status"] for item_id, row in rows(out).items()} == {"a": "ok", "a.m4a": "failed"}

    (folder / "a.flac").unlink()
    assert melcli(*arguments, "-nv").out == "- a\n! a.m4a\n"
    assert melcli(*arguments).code == 3
    assert rows(out)["a"]["status"] == "ok"

    (folder / "a.flac").write_bytes(encode(noise(1, seconds=0.1), ".flac"))
    (folder / "a.m4a").unlink()
    assert melcli(*arguments).code == 0


def test_the_content_decides(melcli: Command, tmp_path: Path) -> None:
    plant(tmp_path / "in", "a.wav", seconds=0.1)
    (tmp_path / "in" / "a.wav").rename(tmp_path / "in" / "a.m4a")
    assert melcli("extract", tmp_path / "in", *LIGHT, "-o", tmp_path / "out").code == 0
    assert (tmp_path / "out" / "a.m4a.npy").exists()


SPHERE = (
    "NIST_1A\n   1024\nchannel_count -i 1\nsample_count -i 1600\nsample_rate -i 16000\nsample_n_bytes -i 2\n"
    "sample_byte_format -s2 01\nsample_coding -s3 pcm\nend_head\n"
)
# The header of a frame (layer, 64 kbit/s, 48 kHz, mono), and how long a frame is.
FRAMES = {"a.mp2": (b"\xff\xfd\x44\xc0", 192), "b.mp1": (b"\xff\xff\x24\xc0", 64), "c.mpga": (b"\xff\xfd\x44\xc0", 192)}


def test_what_libsndfile_reads_is_found_in_folders(melcli: Command, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    plant(folder, "d.wav", seconds=0.1)
    for name, (header, frame_bytes) in FRAMES.items():
        (folder / name).write_bytes((header + bytes(frame_bytes - len(header))) * 30)
    for name in ("e.sph", "f.nist"):
        (folder / name).write_bytes(SPHERE.ljust(1024).encode() + bytes(3200))
    ended = melcli("extract", folder, *LIGHT, "-o", tmp_path / "out")
    assert ended.code == 0, ended.err
    assert [item_id for item_id, row in rows(tmp_path / "out").items() if "silent" in row["flags"]] == list("abcef")
