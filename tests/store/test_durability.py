"""The mark on an OUT whose outputs were not flushed, and what a reboot makes of it."""

import errno
import os

import pytest

from melcli.errors import StorageError
from melcli.store import durability, files
from melcli.store.durability import clear_unflushed_mark, has_unflushed_outputs, mark_unflushed


@pytest.fixture
def marked(out, tmp_path, monkeypatch):
    """An OUT that is held, in a system whose boot id is a file; return where the mark stands."""
    os.mkdir(f"{out}/.melcli")
    (tmp_path / "boot_id").write_text("the first boot\n")
    monkeypatch.setattr(durability, "BOOT_ID", str(tmp_path / "boot_id"))
    return tmp_path / "out" / ".melcli" / "unflushed"


def reboot(tmp_path):
    (tmp_path / "boot_id").write_text("another boot\n")


def test_an_out_without_a_mark_has_lost_nothing(out, marked, tmp_path):
    assert not has_unflushed_outputs(out)
    reboot(tmp_path)
    assert not has_unflushed_outputs(out)
    assert not has_unflushed_outputs(f"{out}/not there")


def test_an_out_has_lost_its_memory_under_another_boot_alone(out, marked, tmp_path):
    mark_unflushed(out)
    assert not has_unflushed_outputs(out)
    reboot(tmp_path)
    assert has_unflushed_outputs(out)
    clear_unflushed_mark(out)
    assert not has_unflushed_outputs(out)
    assert not marked.exists()
    clear_unflushed_mark(out)


def test_a_mark_of_another_boot_is_replaced_by_the_next_run_at_none(out, marked, tmp_path):
    mark_unflushed(out)
    reboot(tmp_path)
    mark_unflushed(out)
    assert not has_unflushed_outputs(out)
    assert os.listdir(marked.parent) == ["unflushed"]


def test_the_mark_is_on_the_disk_before_anything_depends_on_it(out, marked, monkeypatch):
    flushed = []
    monkeypatch.setattr(files.os, "fsync", lambda descriptor: flushed.append(os.fstat(descriptor).st_ino))
    mark_unflushed(out)
    assert flushed == [marked.stat().st_ino, marked.parent.stat().st_ino]


@pytest.mark.parametrize("content", [b"", b"the first", b"the first boot\n and more", bytes(range(256)) * 40])
def test_a_mark_that_is_damaged_is_taken_for_one_of_another_boot(out, marked, content):
    marked.write_bytes(content)
    assert has_unflushed_outputs(out)


def test_a_system_that_does_not_name_its_boots_is_never_trusted(out, marked, tmp_path):
    (tmp_path / "boot_id").unlink()
    mark_unflushed(out)
    assert marked.read_bytes() == b""
    assert has_unflushed_outputs(out)


def test_this_system_names_its_boot():
    if not os.path.exists(durability.BOOT_ID):
        pytest.skip("this system has no /proc/sys/kernel/random/boot_id")
    assert len(durability._boot_id().strip()) == 36
    assert durability._boot_id() == durability._boot_id()


# an OUT that is not to be trusted, and a disk that fails


def test_a_link_that_is_planted_as_the_mark_is_not_followed(out, marked, tmp_path):
    victim = tmp_path / "victim"
    victim.write_bytes(b"the first boot\n")
    marked.symlink_to(victim)
    assert has_unflushed_outputs(out)
    clear_unflushed_mark(out)
    assert not os.path.lexists(marked)
    victim.write_bytes(b"precious")
    mark_unflushed(out)
    assert not marked.is_symlink()
    assert not has_unflushed_outputs(out)
    clear_unflushed_mark(out)
    assert victim.read_bytes() == b"precious"


def test_a_pipe_that_is_planted_as_the_mark_is_not_waited_for(out, marked):
    os.mkfifo(marked)
    assert has_unflushed_outputs(out)


@pytest.mark.parametrize("call", [has_unflushed_outputs, clear_unflushed_mark])
def test_a_folder_in_the_place_of_the_mark_is_a_storage_error(out, marked, call):
    marked.mkdir()
    with pytest.raises(StorageError, match=rf"^cannot (read|write) {marked}: "):
        call(out)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
def test_a_mark_that_cannot_be_made_is_a_storage_error(out, marked, monkeypatch, number):
    def refuse(descriptor):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(files.os, "fsync", refuse)
    with pytest.raises(StorageError, match=rf"^cannot write {marked}: {os.strerror(number)}; "):
        mark_unflushed(out)
    assert os.listdir(marked.parent) == []
