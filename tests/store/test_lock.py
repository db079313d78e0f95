"""One run at a time under one OUT, whatever became of the one before."""

import os
import signal
import subprocess
import sys

import pytest

from melcli.errors import OutputBusy, StorageError
from melcli.store.lock import lock_output
from tests.elapsed import wait

HOLDER = """
import sys
from melcli.errors import OutputBusy
from melcli.store.lock import lock_output
try:
    with lock_output(sys.argv[1]):
        print("held", flush=True)
        sys.stdin.read()
except OutputBusy as busy:
    print(busy, flush=True)
    sys.exit(busy.exit_code)
"""


@pytest.fixture
def start():
    """Start processes that hold an OUT until their standard input ends, and end those that are left."""
    started = []

    def go(out):
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        process = subprocess.Popen([sys.executable, "-c", HOLDER, out], **pipes)
        started.append(process)
        return process, process.stdout.readline().strip()

    yield go
    for process in started:
        process.kill()
        process.communicate()


def test_a_second_process_is_told_that_out_is_busy(start, out):
    with lock_output(out):
        process, said = start(out)
        assert wait(process) == 75
    assert said == f"another melcli holds {out}; wait for it or choose another OUT"


def test_a_lock_that_another_process_holds_is_refused_until_it_ends(start, out):
    process, said = start(out)
    assert said == "held"
    with pytest.raises(OutputBusy) as raised, lock_output(out):
        pytest.fail("two processes hold one OUT")
    assert str(raised.value) == f"another melcli holds {out}; wait for it or choose another OUT"
    process.communicate("")
    assert process.returncode == 0
    with lock_output(out):
        pass


def test_a_killed_process_gives_its_lock_back(start, out):
    process, said = start(out)
    assert said == "held"
    process.send_signal(signal.SIGKILL)
    assert wait(process) == -signal.SIGKILL
    with lock_output(out):
        assert wait(start(out)[0]) == 75


def test_one_process_cannot_hold_it_twice(out):
    with lock_output(out), pytest.raises(OutputBusy), lock_output(out):
        pytest.fail("held twice")


def test_another_out_is_free(start, out):
    with lock_output(out):
        assert start(f"{out}2")[1] == "held"


def test_an_error_gives_the_lock_back(out):
    with pytest.raises(ZeroDivisionError), lock_output(out):
        raise ZeroDivisionError
    with lock_output(out):
        pass


def test_holding_makes_out_and_nothing_that_a_user_sees(tmp_path):
    with lock_output(str(tmp_path / "x" / "out")):
        assert os.listdir(tmp_path / "x" / "out") == [".melcli"]
    with lock_output(str(tmp_path / "x" / "out")):
        pass


@pytest.mark.parametrize("name", ["file", "file/out"])
def test_an_out_that_cannot_be_a_folder_is_a_storage_error(tmp_path, name):
    (tmp_path / "file").touch()
    said = rf"^cannot write {tmp_path}/{name}: (Not a directory|File exists); choose another OUT, "
    with pytest.raises(StorageError, match=said), lock_output(str(tmp_path / name)):
        pytest.fail("held")


def test_a_lock_that_cannot_be_opened_is_a_storage_error(tmp_path):
    (tmp_path / ".melcli" / "lock").mkdir(parents=True)
    said = rf"^cannot write {tmp_path}/.melcli/lock: Is a directory; remove that folder"
    with pytest.raises(StorageError, match=said), lock_output(str(tmp_path)):
        pytest.fail("held")


def test_names_are_printed_without_control_characters(tmp_path):
    out = str(tmp_path / "a\nb")
    with lock_output(out), pytest.raises(OutputBusy, match=r"/a\\x0ab; wait"), lock_output(out):
        pytest.fail("held twice")


@pytest.mark.parametrize("name", [".melcli", ".melcli/lock"])
def test_a_name_of_ours_that_is_a_link_is_refused(tmp_path, name):
    """In an untrusted OUT it could lead to any file, which the lock's library would empty."""
    out, victim = tmp_path / "out", tmp_path / "victim"
    (out / name).parent.mkdir(parents=True)
    victim.mkdir() if name == ".melcli" else victim.write_bytes(b"as it was")
    (out / name).symlink_to(victim)
    with (
        pytest.raises(StorageError, match=rf"^cannot write {out}/{name}: it is a link; remove that link"),
        lock_output(str(out)),
    ):
        pytest.fail("held")
    assert victim.is_dir() or victim.read_bytes() == b"as it was"


def test_a_lock_that_is_another_name_of_a_file_with_content_is_refused(tmp_path):
    """Releases of filelock before 4.3 empty the file that they open, whatever its other names are."""
    victim = tmp_path / "victim"
    victim.write_bytes(b"as it was")
    (tmp_path / ".melcli").mkdir()
    (tmp_path / ".melcli" / "lock").hardlink_to(victim)
    said = rf"^cannot write {tmp_path}/.melcli/lock: it has other names and is not empty, .*; remove that link"
    with pytest.raises(StorageError, match=said), lock_output(str(tmp_path)):
        pytest.fail("held")
    assert victim.read_bytes() == b"as it was"


def test_a_lock_of_ours_may_have_other_names(tmp_path):
    """Backups share unchanged files by hard links, as `cp -al` does."""
    with lock_output(str(tmp_path)):  # some releases of filelock remove the file at the end
        (tmp_path / "backup").hardlink_to(tmp_path / ".melcli" / "lock")
    with lock_output(str(tmp_path)), pytest.raises(OutputBusy), lock_output(str(tmp_path)):
        pytest.fail("held twice")
