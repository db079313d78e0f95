"""A final name means a complete file, whatever the disk refuses and whenever the process dies."""

import errno
import io
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from melcli.errors import StorageError
from melcli.printable import printable
from melcli.store import files
from melcli.store.files import StagedFiles, write_file
from melcli.store.leftovers import remove_leftovers, temporary_folder, temporary_name
from melcli.store.storage_errors import ADVICE, storage_errors
from tests.store.rows import names_below

LARGE = bytes(range(256)) * 40


@pytest.fixture
def folder(tmp_path):
    """A folder with a file that an earlier run wrote."""
    (tmp_path / "old").write_bytes(b"as it was")
    return tmp_path


def stage(folder, *names, content=LARGE):
    staged = StagedFiles(str(folder))
    for name in names:
        staged.add(name, [content])
    return staged


def refuse_folders(flush):
    def flush_files_alone(path):
        if os.path.isdir(path):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        flush(path)

    return flush_files_alone


needs_proc = pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="which file is flushed is read in /proc")


def temporary_names(folder):
    return {name for name in names_below(folder) if name.endswith(".tmp")}


# the way of a file


def test_a_file_is_all_its_pieces_in_order(tmp_path):
    staged = StagedFiles(str(tmp_path))
    assert staged.add("x/y/a", [b"one ", memoryview(b"two "), b"", b"three"]) == 13
    staged.commit()
    assert (tmp_path / "x/y/a").read_bytes() == b"one two three"
    assert names_below(tmp_path) == {"x/y/a"}


def test_pieces_are_counted_in_bytes_whatever_their_items_are(tmp_path):
    numbers = memoryview(bytes(24)).cast("d")
    assert write_file(str(tmp_path / "a"), [numbers, numbers.cast("B").cast("B", (4, 6))]) == 48
    assert (tmp_path / "a").stat().st_size == 48


def test_an_empty_file_is_a_file(tmp_path):
    assert write_file(str(tmp_path / "a"), []) == 0
    assert (tmp_path / "a").read_bytes() == b""


def test_nothing_has_its_name_before_commit(folder):
    staged = stage(folder, "a", "old", "x/b")
    assert names_below(folder) - temporary_names(folder) == {"old"}
    assert (folder / "old").read_bytes() == b"as it was"
    staged.commit()
    assert names_below(folder) == {"a", "old", "x/b"}
    assert (folder / "old").read_bytes() == LARGE


def test_temporary_files_stand_in_the_folder_of_their_final_name(tmp_path):
    staged = stage(tmp_path, "x/a")  # a rename between file systems copies, and can be seen half done
    assert os.path.dirname(temporary_names(tmp_path).pop()) == "x"
    staged.discard()


def test_the_longest_name_is_possible(tmp_path):
    write_file(str(tmp_path / ("n" * 255)), [b"x"])
    assert (tmp_path / ("n" * 255)).read_bytes() == b"x"


def test_files_have_the_rights_that_the_user_asks_for(tmp_path):
    before = os.umask(0o027)
    try:
        write_file(str(tmp_path / "a"), [b"x"])
    finally:
        os.umask(before)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o640


def test_every_file_is_flushed_before_the_first_is_renamed_and_then_every_folder(tmp_path, monkeypatch):
    staged = stage(tmp_path, "a", "x/b", "c")
    inodes = {os.stat(tmp_path / name).st_ino: "file" for name in temporary_names(tmp_path)}
    inodes |= {os.stat(path).st_ino: f"folder {path.name}" for path in (tmp_path / "x", tmp_path)}
    calls = []
    fsync, replace = os.fsync, os.replace

    def noted_fsync(descriptor):
        calls.append(f"flush {inodes[os.fstat(descriptor).st_ino]}")
        fsync(descriptor)

    def noted_replace(old, new):
        calls.append("rename")
        replace(old, new)

    monkeypatch.setattr(files.os, "fsync", noted_fsync)
    monkeypatch.setattr(files.os, "replace", noted_replace)
    staged.commit()
    assert calls[:6] == ["flush file"] * 3 + ["rename"] * 3
    assert sorted(calls[6:]) == [f"flush folder {tmp_path.name}", "flush folder x"]


@pytest.fixture
def noted(tmp_path, monkeypatch):
    """The flushes and renames that are made, each with the path below ``tmp_path`` that it concerns."""
    calls = []
    fsync, replace = os.fsync, os.replace

    def noted_fsync(descriptor):
        path = os.path.relpath(os.readlink(f"/proc/self/fd/{descriptor}"), tmp_path)
        calls.append(f"flush {'file' if path.endswith('.tmp') else path}")
        fsync(descriptor)

    def noted_replace(old, new):
        calls.append(f"rename {os.path.relpath(new, tmp_path)}")
        replace(old, new)

    monkeypatch.setattr(files.os, "fsync", noted_fsync)
    monkeypatch.setattr(files.os, "replace", noted_replace)
    return calls


@needs_proc
def test_each_folder_is_flushed_once_and_those_above_it_only_while_they_are_new(tmp_path, noted):
    """A folder is on the disk once the one above it is; that is so before its first file counts, and stays so."""
    stage(tmp_path, "x/y/a", "x/y/b").commit()
    first = ["flush file"] * 2 + ["rename x/y/a", "rename x/y/b", "flush .", "flush x", "flush x/y"]
    assert noted == first
    noted.clear()
    stage(tmp_path, "x/y/c").commit()
    assert noted == ["flush file", "rename x/y/c", "flush x/y"]
    noted.clear()
    stage(tmp_path, "x/y/z/d", "x/y/e").commit()
    assert noted == ["flush file"] * 2 + ["rename x/y/z/d", "rename x/y/e", "flush x/y", "flush x/y/z"]
    noted.clear()
    stage(tmp_path, "v/f", "x/y/z/g").commit()
    assert noted[:2] == ["flush file"] * 2
    assert noted[2:] == ["rename v/f", "rename x/y/z/g", "flush .", "flush v", "flush x/y/z"]


@needs_proc
def test_a_folder_that_was_removed_and_is_made_again_is_new(tmp_path, noted):
    stage(tmp_path, "x/a").commit()
    shutil.rmtree(tmp_path / "x")
    noted.clear()
    stage(tmp_path, "x/a").commit()
    assert noted == ["flush file", "rename x/a", "flush .", "flush x"]


@needs_proc
def test_a_folder_that_could_not_be_flushed_is_flushed_by_the_next(tmp_path, noted, monkeypatch):
    staged = stage(tmp_path, "x/a")
    with monkeypatch.context() as patch:
        patch.setattr(files, "flush_path", refuse_folders(files.flush_path))
        with pytest.raises(StorageError, match=rf"^cannot write {tmp_path}: "):
            staged.commit()
    noted.clear()
    stage(tmp_path, "x/b").commit()
    assert noted == ["flush file", "rename x/b", "flush .", "flush x"]


def test_without_flushes_there_is_none(tmp_path, monkeypatch):
    monkeypatch.setattr(files.os, "fsync", refuse(errno.EIO))
    staged = StagedFiles(str(tmp_path), flush=False)
    for name in ("a", "x/y/b"):
        staged.add(name, [LARGE])
    staged.commit()
    assert {name: (tmp_path / name).read_bytes() for name in names_below(tmp_path)} == {"a": LARGE, "x/y/b": LARGE}


# an OUT that is gone


@pytest.mark.parametrize("name", ["a", "x/a"])
def test_a_root_that_is_gone_is_a_storage_error_and_stays_gone(tmp_path, name):
    out = tmp_path / "out"
    staged = StagedFiles(str(out))
    with pytest.raises(
        StorageError, match=rf"^cannot write {out}/{name}: No such file or directory; find out who removed it, "
    ):
        staged.add(name, [LARGE])
    with pytest.raises(StorageError, match=r": No such file or directory; "):
        staged.fill(name, lambda path: None)
    with pytest.raises(StorageError, match=rf"^cannot write {out}/a: No such file"):
        write_file(str(out / "a"), [LARGE])
    assert not out.exists()


@pytest.mark.parametrize("removed", ["out", "out/x"])
def test_what_is_removed_between_two_files_is_not_made_again(tmp_path, removed):
    out = tmp_path / "out"
    out.mkdir()
    staged = stage(out, "x/a")
    shutil.rmtree(tmp_path / removed)
    with pytest.raises(StorageError, match=rf"^cannot write {out}/x/b: No such file"):
        staged.add("x/b", [LARGE])
    with pytest.raises(StorageError, match=rf"^cannot write {out}/x/a: No such file"):
        staged.commit()
    staged.discard()
    assert not (tmp_path / removed).exists()


# a disk that refuses


class StingyFile(io.FileIO):
    """Takes 7 bytes at a time and, if told so, refuses after 100."""

    refusal = 0
    taken = 0

    def write(self, data):
        if self.refusal and self.taken >= 100:
            raise OSError(self.refusal, os.strerror(self.refusal))
        self.taken += 7
        return super().write(memoryview(data)[:7])


def make_stingy(monkeypatch, refusal=0):
    monkeypatch.setattr(StingyFile, "refusal", refusal)
    monkeypatch.setattr(files, "open", lambda descriptor, *_, **__: StingyFile(descriptor, "wb"), raising=False)


def refuse(number):
    def refusing(*_, **__):
        raise OSError(number, os.strerror(number))

    return refusing


REFUSALS = {
    "open": lambda patch, number: patch.setattr(files.os, "open", refuse(number)),
    "write": make_stingy,
    "fsync": lambda patch, number: patch.setattr(files.os, "fsync", refuse(number)),
    "replace": lambda patch, number: patch.setattr(files.os, "replace", refuse(number)),
}
every_refusal = pytest.mark.parametrize("call", REFUSALS)
every_number = pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EROFS, errno.EDQUOT])


def test_writes_that_take_less_than_they_are_given_are_carried_on(tmp_path, monkeypatch):
    make_stingy(monkeypatch)
    assert write_file(str(tmp_path / "a"), [LARGE, b"end"]) == len(LARGE) + 3
    assert (tmp_path / "a").read_bytes() == LARGE + b"end"


@every_refusal
@every_number
@pytest.mark.parametrize("name", ["new", "old"])
def test_a_refusal_is_a_storage_error_and_leaves_what_was_there(folder, monkeypatch, call, number, name):
    REFUSALS[call](monkeypatch, number)
    with pytest.raises(StorageError) as raised:
        write_file(str(folder / name), [LARGE])
    assert str(raised.value).startswith(f"cannot write {folder}/{name}: {os.strerror(number)}; ")
    assert names_below(folder) == {"old"}
    assert (folder / "old").read_bytes() == b"as it was"


@every_number
def test_a_folder_that_cannot_be_made_is_a_storage_error(folder, monkeypatch, number):
    monkeypatch.setattr(files.os, "mkdir", refuse(number))
    staged = StagedFiles(str(folder))
    with pytest.raises(StorageError, match=rf"^cannot write {folder}/x/a: {os.strerror(number)}; "):
        staged.add("x/a", [LARGE])
    assert names_below(folder) == {"old"}


@pytest.mark.parametrize("number", [*ADVICE, errno.EISDIR])
def test_a_refusal_is_one_printable_sentence_with_what_to_do(number):
    with pytest.raises(StorageError) as raised, storage_errors("out/\x1b[2J\n.npy"):
        raise OSError(number, os.strerror(number))
    told = str(raised.value)
    advice = ADVICE.get(number, "check the disk")
    assert told == (
        f"cannot write out/\\x1b[2J\\x0a.npy: {os.strerror(number)}; {advice}, and run the same command again: "
        "finished work is kept"
    )
    assert told == printable(told)
    assert ". " not in told


def test_a_refusal_without_a_number_is_told_too():
    said = r"^cannot write a: hm; check the disk, and run the same command"
    with pytest.raises(StorageError, match=said), storage_errors("a"):
        raise OSError("hm")


@pytest.mark.parametrize("limit", [0, 1, 5000, len(LARGE) - 1])
def test_a_real_limit_of_the_system_is_met_alike(tmp_path, limit):
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        with pytest.raises(StorageError) as raised:
            write_file(str(tmp_path / "a"), [LARGE])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert str(raised.value).startswith(f"cannot write {tmp_path}/a: File too large; raise the limit")
    assert names_below(tmp_path) == set()


def test_a_file_that_holds_less_than_was_written_is_refused(tmp_path, monkeypatch):
    class Forgetful(io.FileIO):
        def write(self, data):
            super().write(memoryview(data)[1:])
            return len(data)

    monkeypatch.setattr(files, "open", lambda descriptor, *_, **__: Forgetful(descriptor, "wb"), raising=False)
    with pytest.raises(StorageError, match=r"10240 bytes were written, but the file has another size; "):
        write_file(str(tmp_path / "a"), [LARGE])
    assert names_below(tmp_path) == set()


def test_a_source_of_pieces_that_fails_leaves_nothing(tmp_path):
    def pieces():
        yield b"one"
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_file(str(tmp_path / "a"), pieces())
    assert names_below(tmp_path) == set()


def test_one_refused_file_among_several_takes_none_of_the_others_with_it(folder, monkeypatch):
    staged = stage(folder, "a", "b", "c")
    replace = os.replace
    monkeypatch.setattr(
        files.os, "replace", lambda old, new: refuse(errno.EIO)() if new.endswith("b") else replace(old, new)
    )
    with pytest.raises(StorageError, match=rf"^cannot write {folder}/b: "):
        staged.commit()
    staged.discard()
    assert names_below(folder) == {"old", "a"}
    assert (folder / "a").read_bytes() == LARGE


def test_discard_says_nothing_of_what_is_gone(tmp_path):
    staged = stage(tmp_path, "a", "b")
    (tmp_path / temporary_names(tmp_path).pop()).unlink()
    staged.discard()
    staged.discard()
    assert names_below(tmp_path) == set()


def test_what_was_staged_and_vanished_is_a_storage_error(tmp_path):
    staged = stage(tmp_path, "a", "b")
    (tmp_path / temporary_names(tmp_path).pop()).unlink()
    with pytest.raises(StorageError, match=r"No such file or directory; find out who removed it, "):
        staged.commit()
    staged.discard()
    assert names_below(tmp_path) == set()


def test_a_folder_in_the_place_of_a_file_is_a_storage_error(tmp_path):
    (tmp_path / "a").mkdir()
    with pytest.raises(StorageError, match=rf"^cannot write {tmp_path}/a: Is a directory; "):
        write_file(str(tmp_path / "a"), [b"x"])
    stage(tmp_path, "b").commit()
    with pytest.raises(StorageError, match=rf"^cannot write {tmp_path}/b/c: "):
        write_file(str(tmp_path / "b" / "c"), [b"x"])
    assert names_below(tmp_path) == {"b"}


def test_names_are_printed_without_control_characters(tmp_path):
    with pytest.raises(StorageError) as raised, storage_errors("a\x1b[2J\udcff"):
        raise OSError(errno.EIO, "broken")
    assert str(raised.value).startswith("cannot write a\\x1b[2J\\xff: broken; ")
    assert isinstance(raised.value.__cause__, OSError)


# links


@pytest.mark.parametrize("plant", [os.link, os.symlink], ids=["hard", "symbolic"])
def test_a_link_planted_under_a_temporary_name_is_not_followed(tmp_path, plant, monkeypatch):
    monkeypatch.setattr("secrets.token_hex", lambda size: "0" * 2 * size)  # as if the name had been guessed
    victim, out = tmp_path / "victim", tmp_path / "out"
    victim.write_bytes(b"precious")
    out.mkdir()
    staged = stage(out, "a")
    (name,) = names_below(out)
    staged.discard()
    plant(victim, out / name)
    with pytest.raises(StorageError, match=rf"^cannot write {out}/a: "):
        write_file(str(out / "a"), [LARGE])
    assert not (out / "a").exists()
    assert victim.read_bytes() == b"precious"


def test_a_link_to_nothing_planted_under_a_temporary_name_makes_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr("secrets.token_hex", lambda size: "0" * 2 * size)
    out = tmp_path / "out"
    out.mkdir()
    staged = stage(out, "a")
    (name,) = names_below(out)
    staged.discard()
    (out / name).symlink_to(tmp_path / "not there")
    with pytest.raises(StorageError, match=rf"^cannot write {out}/a: "):
        write_file(str(out / "a"), [LARGE])
    assert not (tmp_path / "not there").exists()


def test_a_link_under_the_final_name_is_replaced_and_not_followed(tmp_path):
    (tmp_path / "victim").write_bytes(b"precious")
    (tmp_path / "a").symlink_to("victim")
    write_file(str(tmp_path / "a"), [b"new"])
    assert not (tmp_path / "a").is_symlink()
    assert (tmp_path / "a").read_bytes() == b"new"
    assert (tmp_path / "victim").read_bytes() == b"precious"


# a process that dies


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_kill_before_any_call_leaves_whole_files_only(folder):
    """Two files need five flushes and renames and one folder flush; the process is killed before each in turn."""
    found = []
    for calls in range(6):
        child = os.fork()
        if not child:
            _die_after(calls, lambda: stage(folder, "old", "new").commit())
        ended_by = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        leftovers = temporary_names(folder)
        remove_leftovers(str(folder))
        whole = {name: (folder / name).read_bytes() for name in names_below(folder)}
        assert set(whole.values()) <= {LARGE, b"as it was"}
        found.append((ended_by, len(leftovers), sorted(whole)))
    killed = -signal.SIGKILL
    assert found == [
        (killed, 2, ["old"]),  # before the first file is flushed
        (killed, 2, ["old"]),  # and the second
        (killed, 2, ["old"]),  # before the first is renamed
        (killed, 1, ["old"]),  # and the second
        (killed, 0, ["new", "old"]),  # before the folder is flushed
        (0, 0, ["new", "old"]),
    ]


def _die_after(calls, work):
    """Do ``work`` and exit; but before so many flushes and renames are over, be killed as a power cut would."""
    left = [calls]

    def doomed(function):
        def call(*arguments):
            if not left[0]:
                os.kill(os.getpid(), signal.SIGKILL)
            left[0] -= 1
            return function(*arguments)

        return call

    try:
        files.os.fsync, files.os.replace = doomed(os.fsync), doomed(os.replace)
        work()
    finally:
        os._exit(0 if left == [0] else 1)


# leftovers


def test_leftovers_are_found_in_every_folder(tmp_path):
    stage(tmp_path, "a", "x/b", "x/y/c")
    assert len(temporary_names(tmp_path)) == 3
    remove_leftovers(str(tmp_path))
    assert names_below(tmp_path) == set()


def test_nothing_else_is_a_leftover(tmp_path):
    others = {"a.npy", "x/a.tmp", ".melcli-1-0", "melcli-1-0.tmp", ".melcli/lock", "x/.melcli-1-0.tmp.npy", ".tmp"}
    stage(tmp_path, *others).commit()
    (tmp_path / ".melcli-0123456789abcdef.tmp").mkdir()
    write_file(str(tmp_path / ".melcli-0123456789abcdef.tmp" / "kept"), [b"x"])
    remove_leftovers(str(tmp_path))
    assert names_below(tmp_path) == {*others, ".melcli-0123456789abcdef.tmp/kept"}


def test_leftovers_are_not_looked_for_through_links(tmp_path):
    out = tmp_path / "out"
    for folder in (tmp_path / "elsewhere", out):
        folder.mkdir()
    stage(tmp_path / "elsewhere", "a")
    (out / "link").symlink_to("../elsewhere")
    (out / ".melcli-fedcba9876543210.tmp").symlink_to(f"../elsewhere/{temporary_names(tmp_path / 'elsewhere').pop()}")
    remove_leftovers(str(out))
    assert names_below(out) == set()
    assert len(temporary_names(tmp_path / "elsewhere")) == 1


def test_a_leftover_that_cannot_be_removed_is_a_storage_error(tmp_path, monkeypatch):
    stage(tmp_path, "x/a")
    (name,) = temporary_names(tmp_path)
    monkeypatch.setattr(files.os, "unlink", refuse(errno.EPERM))
    with pytest.raises(StorageError, match=re.escape(os.path.basename(name)) + r": Operation not permitted; "):
        remove_leftovers(str(tmp_path))


def test_leftovers_are_looked_for_in_one_folder_if_that_is_enough(tmp_path):
    stage(tmp_path, "a", "x/b")
    remove_leftovers(str(tmp_path), deep=False)
    (left,) = names_below(tmp_path)
    assert os.path.dirname(left) == "x"


def test_a_folder_that_is_not_there_has_no_leftovers(tmp_path):
    remove_leftovers(str(tmp_path / "no"))
    assert names_below(tmp_path) == set()


# temporary folders


def test_a_temporary_folder_is_gone_at_the_end_and_others_see_that_it_is_in_use(tmp_path: Path) -> None:
    with temporary_folder(str(tmp_path)) as folder:
        (Path(folder) / "deep").mkdir()
        (Path(folder) / "deep" / "file").write_text("x")
        with temporary_folder(str(tmp_path)) as other:
            remove_leftovers(str(tmp_path))
            assert {path.name for path in tmp_path.iterdir()} == {Path(folder).name, Path(other).name}
            assert (Path(folder) / "deep" / "file").read_text() == "x"
    assert list(tmp_path.iterdir()) == []


def abandon(parent: Path) -> Path:
    """Make what a killed process leaves."""
    code = (
        "import os, sys; from melcli.store.leftovers import temporary_folder; "
        "made = temporary_folder(sys.argv[1]); made.__enter__(); os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", code, parent], check=False)
    (folder,) = parent.iterdir()
    (folder / "deep").mkdir()
    return folder


def test_a_temporary_folder_of_a_killed_process_is_removed_by_the_next_one(tmp_path: Path) -> None:
    abandoned = abandon(tmp_path)
    with temporary_folder(str(tmp_path)):
        assert not abandoned.exists()


@pytest.mark.parametrize("deep", [True, False])
def test_a_temporary_folder_of_a_killed_process_is_a_leftover(tmp_path: Path, deep: bool) -> None:
    abandon(tmp_path)
    remove_leftovers(str(tmp_path), deep=deep)
    assert list(tmp_path.iterdir()) == []


def test_a_link_by_the_name_of_a_temporary_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "file").touch()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / temporary_name()).symlink_to(tmp_path / "precious")
    with temporary_folder(str(tmp_path / "out")):
        pass
    remove_leftovers(str(tmp_path / "out"))
    assert (tmp_path / "precious" / "file").exists()
