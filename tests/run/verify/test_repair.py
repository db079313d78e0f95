"""What a repair leaves alone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from melcli.errors import StorageError
from melcli.run.verify.repair import repair
from melcli.scratch import Scratch
from melcli.store.damage import Damage
from melcli.store.history import read_history
from melcli.store.journal import Journal, PlannedShard
from melcli.store.manifest import write_manifest
from melcli.store.recovery import read_records
from tests.run.corpus import times
from tests.store.rows import rows_of
from tests.store.test_recovery import ok_row


@pytest.fixture
def out(tmp_path: Path) -> Path:
    os.makedirs(tmp_path / "out" / ".melcli")
    write_manifest(str(tmp_path / "out"), map(ok_row, "ab"))
    (tmp_path / "out" / "a.npy").write_bytes(b"x")
    return tmp_path / "out"


def missing(item_id: str) -> Damage:
    return Damage(kind="missing", path=f"{item_id}.npy", message="it is not there", id=item_id, item_id=item_id)


def test_where_nothing_is_wrong_nothing_is_written(out: Path, scratch: Scratch) -> None:
    before = times(out)
    assert repair(read_records(str(out), scratch), []).to_json() == {"stale": 0, "rewritten": False, "set_aside": {}}
    assert times(out) == before


def test_outputs_stay(out: Path, scratch: Scratch) -> None:
    repaired = repair(read_records(str(out), scratch), [missing("a")])
    assert repaired.to_json() == {"stale": 1, "rewritten": True, "set_aside": {}}
    assert (out / "a.npy").read_bytes() == b"x"
    assert [(row.id, row.reason) for row in rows_of(out)] == [("a", "damaged"), ("b", None)]


def test_the_shards_that_an_interrupted_run_planned_stay_planned(out: Path, scratch: Scratch) -> None:
    shard = PlannedShard(number=3, first="a", last="b", digest="0")
    with Journal(str(out)) as journal:
        journal.add(shards=[shard])
        journal.add(rows=[ok_row("c")])
    repair(read_records(str(out), scratch), [missing("a")])
    history = read_history(str(out), scratch)
    assert [entry.id for entry in history.entries()] == ["a", "b", "c"]
    assert list(history.shards) == [shard]


def test_books_that_cannot_be_written_stay_and_it_is_an_error(
    out: Path, monkeypatch: pytest.MonkeyPatch, scratch: Scratch
) -> None:
    before = times(out)

    def refuse(source: str, target: str) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(StorageError, match="Read-only file system"):
        repair(read_records(str(out), scratch), [missing("a")])
    monkeypatch.undo()
    assert times(out) == before
    assert [row.id for row in rows_of(out)] == ["a", "b"]
