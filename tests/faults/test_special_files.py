"""What is called audio and is no regular file: refused before it is opened, and nothing hangs.

Row of the faults: a worker hangs (named pipes; devices and sockets are refused before they are opened).
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from melcli.errors import StorageError
from melcli.store.foreign_arrays import open_arrays
from melcli.store.reader import open_features
from tests.cli.shell import Ended, run_alone
from tests.elapsed import Stopwatch, fail_after, run, wait
from tests.run.corpus import LIGHT, encode, noise, plant, rows, tree
from tests.run.invariants import check_finished, check_printed
from tests.tiers import full_but

SOON_S = 25.0  # in which a run over all of this has to end; a hang would last for ever


def _pipe(path: Path) -> None:
    os.mkfifo(path)


def _socket(path: Path) -> None:
    # The path of a socket is at most some hundred bytes long.
    before = os.open(".", os.O_RDONLY)
    os.chdir(path.parent)
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path.name)
    finally:
        os.fchdir(before)
        os.close(before)


def _device(path: Path) -> None:
    os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 5))  # /dev/zero


def _link_to(target: str) -> Callable[[Path], None]:
    return lambda path: path.symlink_to(target)


# What it is, and how the row tells of it; None where a walk passes it over.
SPECIAL: dict[str, tuple[Callable[[Path], None], str | None]] = {
    "pipe": (_pipe, "it is a named pipe, not a regular file"),
    "socket": (_socket, "it is a socket, not a regular file"),
    "device": (_device, "it is a device, not a regular file"),
    "zero": (_link_to("/dev/zero"), "it is a device, not a regular file"),
    "terminal": (_link_to("/dev/tty"), "it is a device, not a regular file"),
    "link_to_pipe": (_link_to("pipe.wav"), "it is a named pipe, not a regular file"),
    "dangling": (_link_to("nowhere.wav"), "the file does not exist, or no longer"),
    "circle": (_link_to("circle.wav"), "it cannot be opened: Too many levels of symbolic links"),
    "version": (_link_to("/proc/version"), "the file has 0 bytes"),
    "kmsg": (_link_to("/proc/kmsg"), "the file has 0 bytes"),  # a regular file, of which a read can wait for ever
    "kcore": (_link_to("/proc/kcore"), ""),
    "cgroup": (_link_to("/sys/kernel/mm/transparent_hugepage/enabled"), ""),
}


@pytest.fixture
def special(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    plant(folder, "good1.wav", "good2.flac", seconds=0.1)
    for name, (make, _) in SPECIAL.items():
        try:
            make(folder / f"{name}.wav")
        except PermissionError as error:
            if name != "device":
                raise
            pytest.skip(f"devices cannot be made here: {error.strerror}")
    (folder / "folder.wav").mkdir()
    (folder / "link_to_folder.wav").symlink_to(folder)
    return folder


@contextlib.contextmanager
def _soon() -> Iterator[None]:
    watch = Stopwatch()
    yield
    assert watch.quiet_s < SOON_S


def _check(folder: Path, out: Path, code: int) -> None:
    assert code == 3
    check_finished(out)
    found = rows(out)
    assert {name: found[name]["status"] for name in ("good1", "good2")} == {"good1": "ok", "good2": "ok"}
    for name, (_, told) in SPECIAL.items():
        row = found[name]
        assert row["status"] == "failed"
        assert row["reason"] != "internal"
        if told:
            assert row["message"] == f"{folder}/{name}.wav: {told}"


@pytest.mark.full
@pytest.mark.parametrize("format_", full_but(["npy", "hdf5"], "npy"))
@pytest.mark.parametrize("arguments", full_but([(), ("--follow-symlinks",)], ()), ids=["", "follow"])
def test_special_files_in_a_folder(special: Path, tmp_path: Path, format_: str, arguments: tuple[str, ...]) -> None:
    out = tmp_path / "out"
    with _soon():
        ended = run_alone("extract", special, *LIGHT, "-f", format_, *arguments, out=out)
    check_printed(ended.err)
    _check(special, out, ended.code)
    assert set(rows(out)) == {"good1", "good2", *SPECIAL}
    with _soon():  # nothing of it is tried again
        assert run_alone("extract", special, *LIGHT, "-f", format_, *arguments, out=out).code == 3


@pytest.mark.full
def test_special_files_by_their_names(special: Path, tmp_path: Path) -> None:
    """From a list, and hashed."""
    names = [special / f"{name}.wav" for name in SPECIAL if name not in {"kcore"}]  # which has 128 TB
    listed = tmp_path / "list"
    listed.write_bytes(b"".join(os.fsencode(name) + b"\0" for name in [*names, special / "folder.wav"]))
    good = (special / "good1.wav", special / "good2.flac")
    out = tmp_path / "out"
    for _ in range(2):
        with _soon():
            ended = run_alone(
                "extract", *good, "--files-from0", listed, *LIGHT, "--checksum", "--retry-failed", out=out
            )
        assert ended.code == 3, ended.err
    assert sum(row["status"] == "failed" for row in rows(out).values()) == len(names)


@pytest.mark.full
def test_a_list_that_is_a_pipe_is_read(tmp_path: Path) -> None:
    """As in ``--files-from0 <(find ...)``: of a list there is no need that it is a regular file."""
    plant(tmp_path / "in", "a.wav", seconds=0.1)
    os.mkfifo(tmp_path / "list")
    writer = subprocess.Popen(
        [sys.executable, "-c", f"open({str(tmp_path / 'list')!r}, 'w').write({str(tmp_path / 'in' / 'a.wav')!r})"]
    )
    assert run_alone("extract", "--files-from", tmp_path / "list", *LIGHT, out=tmp_path / "out").code == 0
    assert wait(writer) == 0


@pytest.mark.full
def test_files_that_may_not_be_read(tmp_path: Path) -> None:
    """A file and a folder without permission cost nothing else."""
    without = []
    if os.geteuid() == 0:
        if not shutil.which("setpriv"):
            pytest.skip("root may read everything, and setpriv is not there to forbid it")
        kept = "-dac_override,-dac_read_search"
        without = ["setpriv", "--bounding-set", kept, "--inh-caps", kept, "--ambient-caps", kept]
    folder = tmp_path / "in"
    plant(folder, "good.wav", "secret.wav", "closed/a.wav", seconds=0.1)
    (folder / "secret.wav").chmod(0)
    (folder / "closed").chmod(0)
    out = tmp_path / "out"
    command = [*without, sys.executable, "-m", "melcli", "extract", folder, *LIGHT, "-o", out]
    try:
        with _soon():
            ended = run(command, text=True)
    finally:
        (folder / "closed").chmod(0o755)
    assert ended.returncode == 3, ended.stderr
    found = rows(out)
    assert found["good"]["status"] == "ok"
    assert (found["secret"]["reason"], found["secret"]["message"]) == (
        "unreadable",
        f"{folder}/secret.wav: it cannot be opened: Permission denied",
    )
    assert f"could not read 1 folder: {folder}/closed (Permission denied)" in ended.stderr


# what stands under OUT


def _make_special(path: Path, kind: str) -> None:
    if path.exists():
        path.unlink()
    path.parent.mkdir(exist_ok=True, parents=True)
    {"pipe": _pipe, "zero": _link_to("/dev/zero"), "folder": Path.mkdir}[kind](path)


@pytest.fixture
def deadline() -> Iterator[None]:
    """End a wait in this very process."""
    with fail_after(SOON_S):
        yield


@pytest.mark.few(8)
@pytest.mark.parametrize("kind", ["pipe", "zero", "folder"])
@pytest.mark.parametrize(
    "name", ["manifest.jsonl", "failures.jsonl", "melcli.yaml", ".melcli/journal.jsonl", ".melcli/lock", "a.npy"]
)
def test_special_files_under_out(
    melcli: Callable[..., Ended], deadline: None, tmp_path: Path, name: str, kind: str
) -> None:
    """OUT may hold anything: a run over it ends soon, with what it tells of in its table."""
    plant(tmp_path / "in", "a.wav", seconds=0.1)
    out = tmp_path / "out"
    assert melcli("extract", tmp_path / "in", *LIGHT, "-o", out).code == 0
    _make_special(out / name, kind)
    ended = melcli("extract", tmp_path / "in", *LIGHT, "-o", out)
    check_printed(ended.err)
    assert ended.code in {0, 2, 6, 75}, ended.err
    assert "Traceback" not in ended.err


@pytest.mark.parametrize("format_", ["npy", "hdf5"])
@pytest.mark.parametrize("kind", ["pipe", "zero", "folder"])
def test_reading_features_never_waits(
    melcli: Callable[..., Ended], deadline: None, tmp_path: Path, format_: str, kind: str
) -> None:
    plant(tmp_path / "in", "a.wav", seconds=0.1)
    out = tmp_path / "out"
    assert melcli("extract", tmp_path / "in", *LIGHT, "-f", format_, "-o", out).code == 0
    (stored,) = [name for name in tree(out) if name.endswith((".npy", ".h5"))]
    assert open_features(out)["a"].shape[0] == 20
    _make_special(out / stored, kind)
    with pytest.raises(StorageError):
        open_features(out)["a"]
    compared = melcli("compare", out, out)
    assert compared.code in {2, 4, 6}, compared.err
    for path in (out / stored, out / stored.replace(".npy", ".npz")):
        if not path.exists():
            _make_special(path, kind)
        with pytest.raises(StorageError):
            open_arrays(str(path))


@pytest.mark.full
def test_a_file_that_becomes_a_pipe_as_it_is_opened(tmp_path: Path) -> None:
    """The look at a file says that it is regular, and then a pipe stands there: it is not waited for."""
    plant(tmp_path / "in", "a.wav", "b.wav", seconds=0.1)
    swap = (
        "import os, sys, melcli.opening as opening\n"
        "look = os.stat\n"
        "def stat(path, *more, **options):\n"
        "    seen = look(path, *more, **options)\n"
        "    if str(path) == sys.argv[1]:  # and nothing else, whoever looks\n"
        "        os.unlink(path); os.mkfifo(path)\n"
        "    return seen\n"
        "opening.os = type('os', (), {**vars(os), 'stat': staticmethod(stat)})\n"
        "from melcli.sources.content import hash_content\n"
        "from melcli.audio.decode import AudioFile\n"
        "try: {}(sys.argv[1])\n"
        "except Exception as error: print(type(error).__name__, error)\n"
    )
    content = encode(noise(0), ".wav")
    for call, error in (("hash_content", "NotRegular"), ("AudioFile", "AudioError")):
        path = tmp_path / "in" / "b.wav"
        path.unlink()
        path.write_bytes(content)
        with _soon():
            command = [sys.executable, "-c", swap.replace("{}", call), str(path)]
            said = run(command, text=True, check=True).stdout
        assert said.startswith(error)
        assert "it is a named pipe, not a regular file" in said
