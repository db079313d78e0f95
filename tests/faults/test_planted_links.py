"""OUT's own files as links: extract, status and verify do not follow them, and a reader does.

`tests.faults.test_out_gone` holds the writing side.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from melcli import open_features
from tests.cli.shell import Ended
from tests.run.corpus import LIGHT, plant, tree
from tests.run.invariants import check_after_rerun, check_printed

Command = Callable[..., Ended]

BOOKS = {"manifest.jsonl": "manifest", "failures.jsonl": "failures", "melcli.yaml": "config"}
JOURNAL = ".melcli/journal.jsonl"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    plant(tmp_path / "in", "a.wav", "b.wav", seconds=0.1)
    return tmp_path / "in"


@pytest.fixture
def out(tmp_path: Path, source: Path, melcli: Command) -> Path:
    assert melcli("extract", source, *LIGHT, "-o", tmp_path / "out").code == 0
    return tmp_path / "out"


def move_behind_a_link(path: Path, kept: Path) -> dict[str, object]:
    """Put a link in the place of a file, and return what must not change of the file."""
    if path.exists():
        path.rename(kept)
    else:  # a journal that says what the checksum of its line proves
        kept.write_bytes(b"")
    path.symlink_to(kept)
    return state(kept)


def state(path: Path) -> dict[str, object]:
    status = path.stat()
    return {"bytes": path.read_bytes(), "time": status.st_mtime_ns, "inode": status.st_ino, "mode": status.st_mode}


@pytest.mark.parametrize("name", [*BOOKS, JOURNAL])
def test_verify_names_a_link_does_not_read_it_and_replaces_it(
    melcli: Command, source: Path, out: Path, tmp_path: Path, name: str
) -> None:
    undisturbed = tree(out)
    kept = tmp_path / "kept"
    before = move_behind_a_link(out / name, kept)
    kept.chmod(0)  # root may read it all the same: the messages tell
    ended = melcli("verify", out)
    check_printed(ended.err)
    assert ended.code == 4
    assert f"damaged: {name}: " in ended.err
    assert "it is a link" in ended.err
    assert f"[{BOOKS.get(name, 'journal')}]" in ended.err
    kept.chmod(int(str(before["mode"])) & 0o777)
    assert (melcli("verify", out, "--repair").code, state(kept)) == (4, before)
    assert not (out / name).is_symlink()
    assert melcli("extract", source, *LIGHT, "-o", out).code == 0
    assert melcli("verify", out, "--read-data").code == 0
    check_after_rerun(out, undisturbed)
    assert state(kept) == before


@pytest.mark.parametrize("command", ["extract", "status"])
@pytest.mark.parametrize("name", ["manifest.jsonl", "melcli.yaml", JOURNAL])
def test_a_run_refuses_a_link_and_names_the_repair(
    melcli: Command, source: Path, out: Path, tmp_path: Path, name: str, command: str
) -> None:
    kept = tmp_path / "kept"
    before = move_behind_a_link(out / name, kept)
    ended = melcli("extract", source, *LIGHT, "-o", out) if command == "extract" else melcli("status", out)
    check_printed(ended.err)
    assert ended.code == (2 if (command, name) == ("status", "melcli.yaml") else 6)
    assert "it is a link" in ended.err
    assert "verify" in ended.err or ended.code == 2
    assert state(kept) == before
    assert (out / name).is_symlink()


def test_a_list_of_failures_that_is_a_link_is_replaced(
    melcli: Command, source: Path, out: Path, tmp_path: Path
) -> None:
    before = move_behind_a_link(out / "failures.jsonl", tmp_path / "kept")
    assert melcli("extract", source, *LIGHT, "-o", out).code == 0
    assert not (out / "failures.jsonl").is_symlink()
    assert state(tmp_path / "kept") == before


@pytest.mark.parametrize("command", ["extract", "status", "verify"])
def test_a_journal_is_not_read_through_a_folder_that_is_a_link(
    melcli: Command, source: Path, out: Path, tmp_path: Path, command: str
) -> None:
    (out / ".melcli").rename(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "journal.jsonl").write_bytes(b"")
    (out / ".melcli").symlink_to(tmp_path / "elsewhere")
    arguments = {
        "extract": ["extract", source, *LIGHT, "-o", out],
        "status": ["status", out],
        "verify": ["verify", out],
    }
    ended = melcli(*arguments[command])
    assert ended.code == (4 if command == "verify" else 6)
    assert "link" in ended.err


def test_readers_follow_links_and_an_out_may_be_one(melcli: Command, source: Path, out: Path, tmp_path: Path) -> None:
    """Tools that keep data elsewhere, such as DVC and git-annex, leave links to all files."""
    (tmp_path / "linked").symlink_to(out)
    for arguments in (["verify"], ["verify", "--read-data"], ["status", "--check"]):
        assert melcli(*arguments[:1], tmp_path / "linked", *arguments[1:]).code == 0
    assert melcli("extract", source, *LIGHT, "-o", tmp_path / "linked").code == 0
    view = tmp_path / "view"
    view.mkdir()
    for name in ("manifest.jsonl", "a.npy", "b.npy"):
        (view / name).symlink_to(out / name)
    features, there = open_features(view), open_features(tmp_path / "linked")
    assert list(features) == list(there) == ["a", "b"]
    for item_id in features:
        np.testing.assert_array_equal(features[item_id], there[item_id])
    assert melcli("compare", view, out).code == 0


@pytest.mark.parametrize("name", [*BOOKS, JOURNAL])
def test_a_link_to_nothing_is_damage_too(melcli: Command, source: Path, out: Path, tmp_path: Path, name: str) -> None:
    undisturbed = tree(out)
    (out / name).unlink(missing_ok=True)
    (out / name).symlink_to(tmp_path / "nothing")
    assert melcli("verify", out, "--repair").code == 4
    assert not os.path.lexists(tmp_path / "nothing")
    assert melcli("extract", source, *LIGHT, "-o", out).code == 0
    check_after_rerun(out, undisturbed)
