"""An ffmpeg that hangs, crashes, is killed, prints too much, nothing or too little, or is not there."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from melcli.audio.decode import AudioFile, measure
from melcli.errors import AudioError, DecoderKilled
from tests.audio.ffmpeg.media import fake
from tests.elapsed import fail_after, wait_until

M4A = b"\0\0\0\x20ftypM4A \0\0\2\0isomiso2" + bytes(range(256)) * 4
INPUT = "print(\"[info] Input #0, mov,mp4, from 'x':\\n[info]   Stream #0:0: Audio: aac\", file=sys.stderr, flush=True)"
SECOND = "write(bytes(4 * 8000))"
LINES = r"[info] Input #0, tta, from 'x':\n[info]   Duration: 00:00:05.00, start\n[info]   Stream #0:0: Audio: tta"
FIVE_SECONDS = f'print("{LINES}", file=sys.stderr, flush=True)'
NO_WAVE = [("write(b'no wave' * 1000)",), ("header(0)",), ("header(1, 0)",), ("write(b'RIFF')",)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file that only ffmpeg may read; what it contains does not matter to a program that only looks like it."""
    path = tmp_path / "a.tta"
    path.write_bytes(b"TTA1" + bytes(range(256)))
    return path


def use(monkeypatch: pytest.MonkeyPatch, folder: Path, *body: str, **options: object) -> None:
    monkeypatch.setenv("MELCLI_FFMPEG", str(fake(folder, *body, **options)))


def failure(path: Path) -> AudioError:
    with pytest.raises(AudioError) as raised, AudioFile(str(path)) as file:
        for _ in file.blocks():
            pass
    return raised.value


def children() -> list[str]:
    return Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()


def test_one_that_works(tmp_path: Path, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, tmp_path, FIVE_SECONDS, "header(2, 8000)", *[SECOND] * 10)
    with AudioFile(str(path)) as file:
        samples = np.concatenate(list(file.blocks()))
    assert (file.format, samples.shape) == ("ffmpeg/tta/tta", (40_000, 2))
    assert measure(str(path)) == (8000, 40_000, 2)


def test_too_few_samples_and_exit_code_0(tmp_path: Path, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, tmp_path, FIVE_SECONDS, "header()", *[SECOND] * 4)
    error = failure(path)
    assert error.reason == "truncated"
    assert error.message == "the file claims 5.000 s, but only 4.000 s were decoded"


def test_it_prints_nothing(tmp_path: Path, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, tmp_path, banner=False)
    error = failure(path)
    assert error.reason == "unsupported_format"
    assert "does not report a version" in error.message
    use(monkeypatch, tmp_path)
    error = failure(path)
    assert error.reason == "unreadable"
    assert error.message.endswith("ffmpeg ended with exit code 0 and without an error")
    use(monkeypatch, tmp_path, INPUT, "header()")
    assert failure(path).reason == "empty"


@pytest.mark.parametrize("body", NO_WAVE)
def test_it_writes_something_else(
    tmp_path: Path, path: Path, monkeypatch: pytest.MonkeyPatch, body: tuple[str, ...]
) -> None:
    use(monkeypatch, tmp_path, *body)
    assert failure(path).reason == "unreadable"


def test_half_a_sample(tmp_path: Path, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, tmp_path, INPUT, "header()", SECOND, "write(b'123')")
    assert "inside a sample" in failure(path).message


def test_megabytes_of_messages(tmp_path: Path, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither its pipe fills, so that it would wait forever, nor the memory of this process."""
    flood = "[os.write(2, b'[aac @ 0x123456789] [warning] \\x1b[2J something is odd\\n' * 1000) for _ in range({})]"
    use(monkeypatch, tmp_path, flood.format(100), INPUT, "header()", flood.format(300), SECOND, "sys.exit(1)")
    with fail_after(60.0):
        error = failure(path)
    assert error.reason == "unreadable"
    assert len(error.stderr) < 1100
    assert "\x1b" not in error.stderr
    assert "0x" not in error.stderr


@pytest.mark.parametrize("name", ["SIGSEGV", "SIGABRT"])
def test_it_crashes(tmp_path: Path, path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    use(monkeypatch, tmp_path, INPUT, "header()", SECOND, f"os.kill(os.getpid(), signal.{name})", "time.sleep(99)")
    error = failure(path)
    assert (error.reason, type(error)) == ("decoder_crash", AudioError)
    assert error.message == f"ffmpeg 5.1.9 was ended by {name}"


def test_it_is_killed(tmp_path: Path, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, tmp_path, INPUT, "header()", SECOND, "os.kill(os.getpid(), signal.SIGKILL)", "time.sleep(99)")
    assert isinstance(failure(path), DecoderKilled)


def test_it_runs_out_of_memory(tmp_path: Path, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, tmp_path, "print('[error] x: Cannot allocate memory', file=sys.stderr)", "sys.exit(1)")
    with pytest.raises(MemoryError), AudioFile(str(path)):
        pass


def test_it_is_too_old(tmp_path: Path, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, tmp_path, "sys.exit(1)", version="3.4.8")
    error = failure(path)
    assert error.reason == "unsupported_format"
    assert error.message == f"{tmp_path}/ffmpeg is ffmpeg 3.4.8, and melcli needs 4.2 or newer"


def test_it_cannot_be_started(tmp_path: Path, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = fake(tmp_path)
    program.write_text("#!/nowhere/python\n")
    monkeypatch.setenv("MELCLI_FFMPEG", str(program))
    error = failure(path)
    assert error.reason == "unsupported_format"
    assert "cannot be started" in error.message


def test_no_process_and_no_descriptor_is_left(tmp_path: Path, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before, processes = os.listdir("/proc/self/fd"), children()
    bodies = [("sys.exit(1)",), (INPUT, "header()", *[SECOND] * 10, "time.sleep(1000)"), (INPUT, "header()", SECOND)]
    for body in bodies:
        use(monkeypatch, tmp_path, *body)
        try:
            with AudioFile(str(path)) as file:
                next(file.blocks())  # and no more
        except AudioError:
            pass
    assert len(os.listdir("/proc/self/fd")) == len(before)
    assert children() == processes


def test_it_inherits_nothing_but_its_file(tmp_path: Path, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listing = tmp_path / "listing"
    use(
        monkeypatch,
        tmp_path,
        "names = [f'/proc/self/fd/{n}' for n in os.listdir('/proc/self/fd')]",
        "fds = {os.readlink(name) for name in names if os.path.lexists(name)}",
        f"open({str(listing)!r}, 'w').write('\\n'.join(fds))",
        *(INPUT, "header()", SECOND),
    )
    reading, writing = os.pipe()
    os.set_inheritable(reading, True)
    try:
        with AudioFile(str(path)) as file:
            list(file.blocks())
    finally:
        os.close(reading)
        os.close(writing)
    files = [name for name in listing.read_text().splitlines() if not name.startswith(("pipe:", "/dev/null", "/proc"))]
    assert sorted(files) == sorted([str(path), *(name for name in files if name == str(tmp_path / "ffmpeg"))])
    pipes = [name for name in listing.read_text().splitlines() if name.startswith("pipe:")]
    assert len(pipes) == 2


def test_it_ends_with_a_process_that_ends_with_its_parent(
    tmp_path: Path, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a worker does: then also an ffmpeg that hangs and never writes to its pipe."""
    mark = tmp_path / "pid"
    use(monkeypatch, tmp_path, f"open({str(mark)!r}, 'w').write(str(os.getpid()))", "time.sleep(1000)")
    code = (
        "import ctypes, signal; ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)\n"
        f"from melcli.audio.decode import AudioFile; AudioFile({str(path)!r})"
    )
    process = subprocess.Popen([sys.executable, "-c", code])
    try:
        assert wait_until(lambda: mark.exists() and mark.read_text().isdigit())
        child = int(mark.read_text())
        assert Path(f"/proc/{child}").exists()
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert wait_until(lambda: not Path(f"/proc/{child}").exists() or "Z" in Path(f"/proc/{child}/stat").read_text())
