"""Commands that write audio: their output, their end, and no process that remains."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from melcli.audio import command
from melcli.audio.command import output_of
from melcli.audio.decode import AudioFile
from melcli.errors import AudioError
from tests.audio.sounds import music, reference, write
from tests.elapsed import wait, wait_until
from tests.open_files import num_open_files


def output(text: str, folder: Path) -> bytes:
    with output_of(text, str(folder)) as path:
        return Path(path).read_bytes()


def has_process(mark: str) -> bool:
    """Return whether the command line of a process contains a text."""
    for found in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if mark.encode() in found.read_bytes():
                return True
        except OSError:
            continue
    return False


@pytest.fixture
def mark(tmp_path: Path) -> str:
    """A number of seconds to sleep that no other process has."""
    return f"9{abs(hash(str(tmp_path))) % 10**8:08d}"


def test_output_is_complete(tmp_path: Path) -> None:
    data = os.urandom(3_000_017)
    (tmp_path / "in").write_bytes(data)
    assert output(f"cat {tmp_path}/in", tmp_path) == data
    assert output("true", tmp_path) == b""
    assert sorted(os.listdir(tmp_path)) == ["in"]


@pytest.mark.parametrize(
    "text",
    ["printf 'a b'", "printf a; printf ' b'", "printf 'a b' | cat", "(printf 'a b')", "echo 'a b' | tr -d '\\n'"],
)
def test_shell_syntax_works(tmp_path: Path, text: str) -> None:
    assert output(text, tmp_path) == b"a b"


def test_name_that_is_not_utf8(tmp_path: Path) -> None:
    name = os.fsdecode(b"\xff\xe9.wav")
    (tmp_path / name).write_bytes(b"x")
    assert output(f"cat {tmp_path}/{name}", tmp_path) == b"x"


@pytest.mark.parametrize(
    ("text", "how"),
    [
        ("exit 3", "exit code 3"),
        ("false", "exit code 1"),
        ("printf x; exit 3", "exit code 3"),
        ("kill -KILL $$", "signal 9"),
        ("kill -TERM $$", "signal 15"),
        ("no-such-program-of-melcli", "exit code 127"),
        ("if", "exit code 2"),
        ("sox /dev/null/none.wav -t wav -", "exit code 2"),
    ],
)
def test_command_that_fails_is_unreadable(tmp_path: Path, text: str, how: str) -> None:
    with pytest.raises(AudioError, match=how) as refused:
        output(text, tmp_path)
    assert refused.value.reason == "unreadable"


def test_command_reads_nothing_of_melcli(tmp_path: Path) -> None:
    assert output("cat", tmp_path) == b""


def test_command_inherits_no_descriptors(tmp_path: Path) -> None:
    with open(tmp_path / "held", "w") as held:
        os.set_inheritable(held.fileno(), True)
        found = output("ls -l /proc/self/fd", tmp_path).decode()
    targets = [line.rpartition(" -> ")[2] for line in found.splitlines() if " -> " in line]
    assert str(tmp_path / "held") not in targets
    assert len(targets) == 4, targets  # three, and the folder that ls reads


def test_output_of_children_in_the_background_is_ended(tmp_path: Path, mark: str) -> None:
    assert output(f"sleep {mark} >/dev/null & printf x", tmp_path) == b"x"
    assert wait_until(lambda: not has_process(mark), 2.0)


def test_nothing_remains_after_an_error(tmp_path: Path, mark: str) -> None:
    before = num_open_files()
    with pytest.raises(AudioError):
        output(f"sleep {mark} >/dev/null & exit 1", tmp_path)
    assert num_open_files() == before
    assert wait_until(lambda: not has_process(mark), 2.0)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("text", ["sleep {}", "sleep {} | cat", "sleep {} & wait", "exec sleep {}", "yes & sleep {}"])
def test_nothing_remains_after_the_worker_is_killed(tmp_path: Path, mark: str, text: str) -> None:
    code = "import sys; from melcli.audio.command import output_of\nwith output_of(sys.argv[1], sys.argv[2]): pass"
    arguments = [sys.executable, "-c", code, text.format(mark), str(tmp_path)]
    with subprocess.Popen(arguments, start_new_session=True) as worker:
        arrived = wait_until(lambda: has_process(f"sleep\0{mark}"))
        worker.send_signal(signal.SIGKILL)
        wait(worker)
    assert arrived
    assert wait_until(lambda: not has_process(mark), 5.0)


def test_command_is_not_stopped_by_the_terminal(tmp_path: Path) -> None:
    """It is in another session, so that Ctrl-C reaches melcli, which then ends it."""
    assert int(output("ps -o sid= -p $$", tmp_path)) != os.getsid(0)


def test_output_that_does_not_fit_is_refused(tmp_path: Path, mark: str, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[int] = []

    def free(folder: object) -> int:
        written.append(1)
        return 5_000_000

    monkeypatch.setattr(command, "_free_bytes", free)
    with pytest.raises(AudioError, match="free disk space") as refused:
        output(f"yes; sleep {mark}", tmp_path)
    assert refused.value.reason == "unreadable"
    assert 1 < len(written) < 2000  # of at least 4 kB each, on a busy machine
    assert wait_until(lambda: not has_process(mark), 2.0)


# Programs as recipes use them.


@pytest.fixture(scope="module")
def flac(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("flac") / "a.flac", music(16_000), 16_000)


def needs(program: str) -> Callable[[object], object]:
    found = any(os.access(os.path.join(folder, program), os.X_OK) for folder in os.environ["PATH"].split(":"))
    return pytest.mark.skipif(not found, reason=f"needs {program}")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("flac -c -d -s {}", marks=needs("flac")),
        pytest.param("sox {} -t wav -", marks=needs("sox")),
        pytest.param("sox {} -t wav - | cat", marks=needs("sox")),
        pytest.param("ffmpeg -nostdin -loglevel error -i {} -f wav -", marks=needs("ffmpeg")),
    ],
)
def test_programs_of_recipes(tmp_path: Path, flac: Path, text: str) -> None:
    """They write WAV to a pipe: sox and ffmpeg cannot go back to write its length."""
    with output_of(text.format(flac), str(tmp_path)) as path, AudioFile(path) as file:
        decoded = np.concatenate(list(file.blocks()))
    assert np.array_equal(decoded, reference(flac))


def test_sphere_file(tmp_path: Path) -> None:
    """As sph2pipe writes it: a complete WAV with a header."""
    signal = (music(8000, 1, 8000) * 32767).astype(np.int16)
    soundfile.write(tmp_path / "a.nist", signal, 8000, "PCM_16", format="NIST")
    with output_of(f"cat {tmp_path}/a.nist", str(tmp_path)) as path, AudioFile(path) as file:
        assert file.format == "nist/pcm_16"
        assert sum(map(len, file.blocks())) == 8000
