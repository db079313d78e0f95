"""The small write before the work: it finds what would stop a run, and leaves nothing."""

import errno
import os
import resource
import subprocess
import sys

import pytest

from melcli.errors import StorageError
from melcli.store import probe
from melcli.store.leftovers import TEMPORARY_NAME
from melcli.store.lock import lock_output
from melcli.store.probe import probe_output
from tests.store.rows import names_below
from tests.tiers import full_but

CALLS = [(probe, "write_new"), *((os, name) for name in ("open", "fsync", "close", "rename", "unlink"))]
# Fills a file system of 64 kB, and shows that a name still finds room on it.
FULL = """
import os, sys
from melcli.errors import StorageError
from melcli.store.probe import probe_output
out = sys.argv[1]
os.mkdir(f"{out}/.melcli")
probe_output(out)
try:
    with open(f"{out}/filler", "wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
except OSError:
    open(f"{out}/name", "wb").close()
try:
    probe_output(out)
except StorageError as error:
    print(error, sorted(os.listdir(out)), os.listdir(f"{out}/.melcli"))
"""


@pytest.fixture
def held(out):
    with lock_output(out):
        yield out


def test_a_good_folder_is_passed_and_nothing_is_left(held):
    before = names_below(held)
    probe_output(held)
    assert names_below(held) == before == {".melcli/lock"}


def test_both_folders_are_written_flushed_and_renamed(held, monkeypatch):
    seen = []

    def watch(module, name):
        real = getattr(module, name)

        def call(*arguments):
            seen.append((name, *arguments))
            return real(*arguments)

        monkeypatch.setattr(module, name, call)

    for module, name in CALLS:
        watch(module, name)
    probe_output(held)
    flushed = ["open", "fsync", "close"]
    once = ["write_new", "open", *flushed, "rename", *flushed, "unlink"]
    assert [call[0] for call in seen] == 2 * once
    folders = [os.path.dirname(call[1]) for call in seen if call[0] == "rename"]
    assert folders == [held, f"{held}/.melcli"]
    assert all(TEMPORARY_NAME.fullmatch(os.path.basename(call[1])) for call in seen if call[0] == "unlink")
    exclusive = os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    assert [call[2] & exclusive for call in seen if call[0] == "open" and len(call) == 4] == [exclusive] * 2


@pytest.mark.parametrize(
    "number", full_but([errno.ENOSPC, errno.EIO, errno.EDQUOT, errno.EROFS, errno.EACCES], errno.EIO)
)
@pytest.mark.parametrize("module, name", CALLS, ids=[name for _, name in CALLS])
def test_every_call_may_fail(held, monkeypatch, module, name, number):
    """Each call of each kind, one after another."""
    real = getattr(module, name)
    times = 0
    failing = 0

    def call(*arguments, **options):
        nonlocal times
        times += 1
        if times == failing:
            if name == "close":
                real(*arguments)
            raise OSError(number, os.strerror(number))
        return real(*arguments, **options)

    monkeypatch.setattr(module, name, call)
    probe_output(held)
    assert times
    for failing in range(1, times + 1):  # noqa: B007  the call reads it
        times = 0
        with pytest.raises(StorageError) as raised:
            probe_output(held)
        assert str(raised.value).startswith(f"cannot write {held}: {os.strerror(number)}")
        assert names_below(held) == {".melcli/lock"}


def test_a_limit_on_the_size_of_files_is_found(held):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        with pytest.raises(StorageError, match=f"^cannot write {held}: File too large"):
            probe_output(held)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert names_below(held) == {".melcli/lock"}


def test_a_disk_with_room_for_names_alone_is_found(tmp_path):
    command = 'mount -t tmpfs -o size=64k tmpfs "$1" && exec "$2" -c "$3" "$1"'
    ended = subprocess.run(
        ["unshare", "--mount", "sh", "-c", command, "sh", tmp_path, sys.executable, FULL],
        capture_output=True,
        text=True,
    )
    if "mount:" in ended.stderr or "unshare:" in ended.stderr:
        pytest.skip(f"a small disk cannot be mounted here: {ended.stderr.strip()}")
    assert ended.stdout.startswith(f"cannot write {tmp_path}: No space left on device"), ended.stderr
    assert ended.stdout.endswith("['.melcli', 'filler', 'name'] []\n")


def test_an_out_that_is_gone_is_a_storage_error(tmp_path):
    with pytest.raises(StorageError, match=f"^cannot write {tmp_path}/out: No such file or directory"):
        probe_output(str(tmp_path / "out"))


def test_names_are_printed_without_control_characters(tmp_path):
    with pytest.raises(StorageError, match=r"a\\x1b\[31m: No such file"):
        probe_output(str(tmp_path / "a\x1b[31m"))
