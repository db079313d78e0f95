"""Runs with ffmpeg: what OUT records of it, and what a rerun does once it comes, goes or changes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from melcli.config.stored import read_stored_config
from tests.audio.ffmpeg.media import fake, make
from tests.cli.shell import Ended
from tests.run.corpus import LIGHT, plant, rows
from tests.run.invariants import check_finished

Command = Callable[..., Ended]

TTA = b"TTA1" + bytes(range(256))
# What a fake prints and writes: half a second of samples that are not silent.
INPUT = "print(\"[info] Input #0, tta, from 'x':\\n[info]   Stream #0:0: Audio: tta\", file=sys.stderr, flush=True)"
SAMPLES = "write(struct.pack('<4000f', *[(n % 50) / 100 for n in range(4000)]))"
GOOD = (INPUT, "header()", SAMPLES)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A recording, and a file that only ffmpeg reads."""
    plant(tmp_path / "in", "a.wav")
    (tmp_path / "in" / "b.tta").write_bytes(TTA)
    (tmp_path / "in" / "text.m4a").write_text("no audio")
    return tmp_path / "in"


def use(monkeypatch: pytest.MonkeyPatch, folder: Path, *body: str, version: str = "5.1.9") -> None:
    programs = folder / f"ffmpeg-{version}"
    shutil.rmtree(programs, ignore_errors=True)
    programs.mkdir()
    monkeypatch.setenv("MELCLI_FFMPEG", str(fake(programs, *(body or GOOD), version=version)))


def reasons(out: Path) -> dict[str, str | None]:
    return {item_id: row["reason"] for item_id, row in rows(out).items()}


def made_by(out: Path) -> str | None:
    return read_stored_config(str(out)).versions.get("ffmpeg")


def test_what_failed_without_it_is_retried_once_it_is_there(
    melcli: Command, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    arguments = ("extract", folder, *LIGHT, "-o", out)
    assert melcli(*arguments).code == 3
    unsupported = "unsupported_format"
    assert reasons(out) == {"a": None, "b.tta": unsupported, "text.m4a": unsupported}
    assert "tried_with" not in rows(out)["b.tta"]
    assert made_by(out) is None
    assert melcli(*arguments, "-nv").out == "= a\n! b.tta\n! text.m4a\n"

    use(monkeypatch, tmp_path)
    assert melcli(*arguments, "--decoder", "libsndfile", "-nv").out == "= a\n! b.tta\n! text.m4a\n"
    assert melcli(*arguments, "-nv").out == "= a\n* b.tta\n* text.m4a\n"
    assert melcli("status", out).out == "* b.tta\n* text.m4a\n"
    assert melcli(*arguments).code == 3
    assert reasons(out) == {"a": None, "b.tta": None, "text.m4a": unsupported}
    assert rows(out)["b.tta"]["format"] == "ffmpeg/tta/tta"
    assert rows(out)["text.m4a"]["tried_with"] == "ffmpeg=5.1.9"
    assert made_by(out) == "5.1.9"
    check_finished(out)

    # Nothing more to do; also after ffmpeg is gone.
    assert melcli(*arguments, "-nv").out == "= a\n= b.tta\n! text.m4a\n"
    monkeypatch.setenv("MELCLI_FFMPEG", "")
    assert melcli(*arguments, "-nv").out == "= a\n= b.tta\n! text.m4a\n"


def test_another_version_warns_and_recomputes_nothing(
    melcli: Command, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    arguments = ("extract", folder, *LIGHT, "--exclude", "*.m4a", "-o", out)
    use(monkeypatch, tmp_path)
    assert melcli(*arguments).code == 0
    again = melcli(*arguments)
    assert "warning" not in again.err

    use(monkeypatch, tmp_path, version="7.1")
    again = melcli(*arguments)
    (warning,) = [line for line in again.err.splitlines() if line.startswith("warning")]
    assert "ffmpeg 5.1.9" in warning
    assert "7.1" in warning
    assert again.last_line.startswith("2 ok (2 unchanged)")
    assert made_by(out) == "5.1.9"

    (folder / "c.tta").write_bytes(TTA)
    assert melcli(*arguments).code == 0
    assert made_by(out) == "5.1.9, 7.1"
    assert "warning" not in melcli(*arguments).err
    assert melcli(*arguments, "--overwrite").code == 0
    assert made_by(out) == "7.1"


def test_a_run_without_such_files_does_not_name_it(
    melcli: Command, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, tmp_path)
    assert melcli("extract", folder / "a.wav", *LIGHT, "-o", tmp_path / "out").code == 0
    assert made_by(tmp_path / "out") is None


def test_a_retry_after_another_version_failed(
    melcli: Command, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    arguments = ("extract", folder, *LIGHT, "-o", out)
    refuse = "print('[error] Decoder (codec tta) not found for input stream #0:0', file=sys.stderr)"
    use(monkeypatch, tmp_path, refuse, "sys.exit(1)")
    assert melcli(*arguments).code == 3
    row = rows(out)["b.tta"]
    assert (row["reason"], row["tried_with"]) == ("unsupported_format", "ffmpeg=5.1.9")
    assert "Decoder (codec tta) not found" in row["stderr"]
    assert melcli(*arguments, "-nv").out == "= a\n! b.tta\n! text.m4a\n"
    use(monkeypatch, tmp_path, version="6.0")
    assert melcli(*arguments).code == 3
    assert reasons(out)["b.tta"] is None


def test_a_crash_is_retried_by_another_version(
    melcli: Command, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    arguments = ("extract", folder, *LIGHT, "--exclude", "*.m4a", "-o", out)
    use(monkeypatch, tmp_path, *GOOD, "os.kill(os.getpid(), signal.SIGSEGV)", "time.sleep(99)")
    assert melcli(*arguments).code == 3
    row = rows(out)["b.tta"]
    assert (row["reason"], row["format"]) == ("decoder_crash", "ffmpeg/tta/tta")
    assert row["tried_with"].endswith(" ffmpeg=5.1.9")
    assert melcli(*arguments, "-nv").out == "= a\n! b.tta\n"
    use(monkeypatch, tmp_path, version="6.0")
    assert melcli(*arguments, "-nv").out == "= a\n* b.tta\n"


def test_one_kill_is_forgiven_and_two_are_not(
    melcli: Command, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = tmp_path / "mark"
    die = "os.kill(os.getpid(), signal.SIGKILL), time.sleep(99)"
    once = f"if not os.path.exists({str(mark)!r}): open({str(mark)!r}, 'w'), {die}"
    for body, reason in ((once, None), (die, "decoder_crash")):
        use(monkeypatch, tmp_path, *GOOD, body)
        arguments = ("extract", folder, *LIGHT, "--exclude", "*.m4a", "--overwrite", "-o", tmp_path / "out")
        melcli(*arguments)
        assert reasons(tmp_path / "out") == {"a": None, "b.tta": reason}
    assert "SIGKILL" in rows(tmp_path / "out")["b.tta"]["message"]


def test_what_is_asked_for_and_missing_is_refused_before_any_work(
    melcli: Command, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    for extra in ((), ("-n",)):
        ended = melcli("extract", folder, *LIGHT, "--decoder", "ffmpeg", *extra, "-o", out)
        assert (ended.code, out.exists()) == (2, False)
        assert "audio.decoder=ffmpeg needs ffmpeg" in ended.err
    monkeypatch.setenv("MELCLI_FFMPEG", "/nowhere/ffmpeg")
    ended = melcli("extract", folder, *LIGHT, "-o", out)
    assert (ended.code, out.exists()) == (2, False)
    assert "MELCLI_FFMPEG=/nowhere/ffmpeg is not a program" in ended.err
    ended = melcli("extract", folder, *LIGHT, "--stream", "x", "-o", out)
    assert (ended.code, "--stream" in ended.err) == (2, True)


def test_ffmpeg_alone_is_another_config_and_libsndfile_alone_is_not(
    melcli: Command, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, tmp_path)
    arguments = ("extract", folder / "a.wav", *LIGHT, "-o", tmp_path / "out")
    assert melcli(*arguments).code == 0
    first = {row["config_id"] for row in rows(tmp_path / "out").values()}
    ended = melcli(*arguments, "--decoder", "libsndfile")
    assert (ended.code, ended.last_line.startswith("1 ok (1 unchanged)")) == (0, True)
    for flags in (("--decoder", "ffmpeg"), ("--stream", "1")):
        ended = melcli(*arguments, *flags)
        assert ended.code == 2
        assert flags[0].removeprefix("--") in ended.err
    assert {row["config_id"] for row in rows(tmp_path / "out").values()} == first


@pytest.mark.parametrize("format_", ["npy", "hdf5"])
def test_real_files(melcli: Command, ffmpeg: str, tmp_path: Path, format_: str) -> None:
    plant(tmp_path / "in", "a.wav")
    make(tmp_path / "in" / "talk.m4a", "-c:a", "aac", channels=2)
    make(
        tmp_path / "in" / "film.mka",
        *("-map", "0:a", "-map", "1:a", "-c:a", "flac"),
        inputs=("-f", "lavfi", "-i", "sine=frequency=440:duration=2"),
    )
    out = tmp_path / "out"
    arguments = ("extract", tmp_path / "in", *LIGHT, "-f", format_, "-o", out)
    ended = melcli(*arguments, "--json")
    assert ended.code == 0
    report: dict[str, Any] = json.loads(ended.out)
    assert (report["ok"], report["more_streams"]) == (3, 1)
    assert "1 file of 3 has several audio streams, of which one was decoded" in ended.err
    found = rows(out)
    assert {row["format"] for row in found.values()} == {"wav/pcm_16", "ffmpeg/mov/aac", "ffmpeg/matroska/flac"}
    assert found["film.mka"]["flags"] == ["more_streams"]
    check_finished(out)
    assert melcli("verify", out, "--recompute", "100%").code == 0
    assert melcli(*arguments).last_line.startswith("3 ok (3 unchanged)")


def test_parts_of_a_recording(melcli: Command, ffmpeg: str, tmp_path: Path) -> None:
    """Chunks are decoded in one pass, and equal those of the same samples in WAV."""
    for name in ("in", "wav"):
        (tmp_path / name).mkdir()
    make(tmp_path / "in" / "a.mka", "-c:a", "flac", seconds=3)
    make(tmp_path / "wav" / "a.wav", "-c:a", "pcm_s16le", seconds=3)
    for name in ("in", "wav"):
        ended = melcli("extract", tmp_path / name, *LIGHT, "--chunk", "1s", "-o", tmp_path / f"{name}-out")
        assert ended.code == 0, ended.err
    ours = sorted(path.read_bytes() for path in (tmp_path / "in-out").rglob("*.npy"))
    theirs = sorted(path.read_bytes() for path in (tmp_path / "wav-out").rglob("*.npy"))
    assert len(ours) == 3
    assert ours == theirs
