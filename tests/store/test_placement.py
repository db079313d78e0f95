"""Stored outputs of many rows: each file is looked at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from melcli.sources.file_calls import FileCalls
from melcli.store.entries import entry_of
from melcli.store.placement import StoredFiles
from tests.store.rows import make_row


@pytest.mark.parametrize("stored_as", ["npy", "hdf5"])
def test_files_of_many_rows_are_looked_at_once(tmp_path: Path, stored_as: str) -> None:
    asked: list[bytes] = []

    def begin(argument: tuple[str, bytes]) -> Callable[[], Sequence[int]]:
        asked.append(argument[1])
        return FileCalls().begin("sizes", argument)

    shard = {"npy": {}, "hdf5": {"path": "features-00000.h5", "start": 0}}[stored_as]
    rows = [make_row(name, **shard, output_size=3) for name in ("a", "b\0c", "d", "e")]
    for name in ("a.npy", "e.npy", "features-00000.h5"):
        (tmp_path / name).write_bytes(b"abc")
    stored = StoredFiles(str(tmp_path), stored_as, begin)
    wait = stored.begin_sizes([row.id.encode() for row in rows], [str(row.path).encode() for row in rows])
    hold = [stored.has_output(entry_of(row.to_json().encode())) for row in rows]
    expected = [3, -1, -1, 3] if stored_as == "npy" else [3] * 4
    assert list(wait()) == expected
    assert hold == [size == 3 for size in expected]
    assert asked == ([b"a.npy\0d.npy\0e.npy"] if stored_as == "npy" else [])
    for path in tmp_path.iterdir():
        path.unlink()
    assert stored.has_output(entry_of(rows[0].to_json().encode()))


def test_a_path_that_is_not_that_of_the_row_is_none(tmp_path: Path) -> None:
    (tmp_path / "a.npy").write_bytes(b"abc")
    stored = StoredFiles(str(tmp_path), "npy", lambda argument: FileCalls().begin("sizes", argument))
    assert stored.begin_sizes([b"a", b"b"], [b"a.npy", b"a.npy"])() == [3, -1]
