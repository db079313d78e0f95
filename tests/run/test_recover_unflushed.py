"""Outputs that were never flushed, after a reboot: read back, and the torn ones made again."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from melcli.store import durability
from tests.cli.shell import Ended
from tests.run.corpus import LIGHT, plant, signs, tree
from tests.run.invariants import check_finished
from tests.store.rows import read_manifest

Command = Callable[..., Ended]


@pytest.fixture
def boot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that says which boot this is."""
    path = tmp_path / "boot_id"
    path.write_text("first\n")
    monkeypatch.setattr(durability, "BOOT_ID", str(path))
    return path


@pytest.fixture
def out(tmp_path: Path, melcli: Command, boot: Path) -> Path:
    """What a run at ``none`` made."""
    plant(tmp_path / "in", "a.wav", "b.wav", "sub/c.wav")
    assert melcli("extract", tmp_path / "in", *LIGHT, "--durability", "none", "-o", tmp_path / "out").code == 0
    return tmp_path / "out"


def zero_fill(path: Path) -> None:
    """Leave the size and no content, as a power cut does on some file systems."""
    status = path.stat()
    path.write_bytes(bytes(status.st_size))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def test_what_is_torn_is_found_by_the_first_run_after_the_boot(
    tmp_path: Path, melcli: Command, out: Path, boot: Path
) -> None:
    before = tree(out)
    zero_fill(out / "b.npy")
    boot.write_text("second\n")
    again = melcli("extract", tmp_path / "in", *LIGHT, "-o", out)
    assert again.code == 0
    assert "warning: the system was rebooted after outputs were written without flushing" in again.err
    assert "warning: 1 of 3 outputs were truncated" in again.err
    assert again.last_line.startswith("3 ok (2 unchanged)")
    assert tree(out) == before
    check_finished(out)
    third = melcli("extract", tmp_path / "in", *LIGHT, "-o", out)
    assert "warning" not in third.err


def test_an_item_that_is_no_longer_among_the_inputs_is_told_of_when_it_is_torn(
    tmp_path: Path, melcli: Command, out: Path, boot: Path
) -> None:
    (tmp_path / "in" / "b.wav").unlink()
    zero_fill(out / "b.npy")
    boot.write_text("second\n")
    assert melcli("extract", tmp_path / "in", *LIGHT, "-o", out).code == 0
    assert [(row.id, row.reason) for row in read_manifest(str(out))] == [("a", None), ("b", "damaged"), ("sub/c", None)]


@pytest.mark.parametrize("level", ["batch", "file"])
def test_the_same_boot_is_trusted_and_stays_marked(tmp_path: Path, melcli: Command, out: Path, level: str) -> None:
    """Also by a run at another level: it flushes its own outputs and not those of before."""
    plant(tmp_path / "in", "d.wav")
    again = melcli("extract", tmp_path / "in", *LIGHT, "--durability", level, "-o", out)
    assert "warning" not in again.err
    assert (out / ".melcli" / "unflushed").read_text() == "first\n"


@pytest.mark.parametrize("level", ["batch", "file"])
def test_flushed_outputs_are_trusted_after_a_boot(tmp_path: Path, melcli: Command, boot: Path, level: str) -> None:
    plant(tmp_path / "in", "a.wav")
    for name in ("first\n", "second\n"):
        boot.write_text(name)
        ended = melcli("extract", tmp_path / "in", *LIGHT, "--durability", level, "-o", tmp_path / "out")
        assert (ended.code, "warning" in ended.err) == (0, False)


# who only looks


def check(melcli: Command, out: Path) -> tuple[int, bool]:
    ended = melcli("status", out, "--check", "--json")
    assert ("outputs were written unflushed before a reboot" in ended.err) == (ended.code == 4)
    return ended.code, json.loads(ended.out)["unflushed_after_reboot"]


def test_status_says_no_until_an_extract_has_read_the_outputs_back(
    tmp_path: Path, melcli: Command, out: Path, boot: Path
) -> None:
    """So `melcli status OUT --check || melcli extract ...` repairs."""
    before = tree(out)
    assert check(melcli, out) == (0, False)
    zero_fill(out / "b.npy")
    boot.write_text("second\n")
    assert check(melcli, out) == (4, True)
    assert check(melcli, out) == (4, True)
    assert melcli("extract", tmp_path / "in", *LIGHT, "-o", out).code == 0
    assert check(melcli, out) == (0, False)
    assert tree(out) == before


def test_verify_is_not_satisfied_before_all_numbers_were_read(melcli: Command, out: Path, boot: Path) -> None:
    def code(*options: str) -> int:
        ended = melcli("verify", out, *options, "--json")
        found = json.loads(ended.out)
        assert found["unflushed_after_reboot"] == ("written unflushed before a reboot" in ended.err)
        assert found["exit_code"] == ended.code
        return ended.code

    assert code() == 0
    boot.write_text("second\n")
    assert [code(), code("--read-data", "50%"), code("--repair"), code("--read-data")] == [4, 4, 4, 0]
    assert "only --read-data tells which of them are complete" in melcli("verify", out).err
    assert code() == 4, "looking changes nothing"
    assert code("--read-data", "--repair") == 0
    assert not (out / ".melcli" / "unflushed").exists()
    assert code() == 0


def test_a_torn_output_is_found_by_verify_and_stays_found(
    tmp_path: Path, melcli: Command, out: Path, boot: Path
) -> None:
    before = tree(out)
    zero_fill(out / "b.npy")
    boot.write_text("second\n")
    assert melcli("verify", out).code == 4
    assert melcli("verify", out, "--read-data", "--repair").code == 4
    assert check_plan(melcli, out) == {"a": "=", "b": "*", "sub/c": "="}
    assert melcli("extract", tmp_path / "in", *LIGHT, "-o", out).code == 0
    assert tree(out) == before


def check_plan(melcli: Command, out: Path) -> dict[str, str]:
    return signs(melcli("status", out, "-v").out)


def test_a_mark_that_is_a_link_is_not_followed(tmp_path: Path, melcli: Command, out: Path, boot: Path) -> None:
    """It could say of any boot that it is this one."""
    mark = out / ".melcli" / "unflushed"
    mark.unlink()
    mark.symlink_to(boot)
    assert check(melcli, out) == (4, True)
    assert melcli("verify", out).code == 4
    assert melcli("extract", tmp_path / "in", *LIGHT, "-o", out).code == 0
    assert (os.path.lexists(mark), boot.read_text()) == (False, "first\n")
