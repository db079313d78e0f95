"""Rows whose items are plainly done, told apart without reading them whole: with the plan that reading them gives."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from operator import lt
from pathlib import Path
from typing import Any

import pytest

from melcli.audio.decoding_revision import DECODING_REVISION
from melcli.run.limits import Limits
from melcli.run.plan import Plan, Rerun, make_plan
from melcli.run.retry_conditions import Conditions
from melcli.scratch import Scratch
from melcli.sources.item_table import ItemTable
from melcli.sources.item_values import item_values
from melcli.sources.items import Item
from melcli.store import manifest
from melcli.store.entries import Entry
from melcli.store.history import FindUnchanged, History, read_history
from melcli.store.rows import Row
from tests.store.rows import make_row
from tests.store.stores import stored_files
from tests.tiers import examples

ODD = ["a", "a-b", "b/c", "d.ch0", "e", "\xe9", 'q"', "back\\slash", "\udcff", "zz"]
CHANGES: list[dict[str, Any]] = [
    {},
    {},
    {},
    {"config_id": "0123456789abcdef"},
    {"source_size": 5},
    {"source_mtime_ns": 1 << 65},
    {"decoding": None},
    {"format": "ogg/vorbis", "decoding": None},
    {"format": None},
    {"path": "elsewhere.npy"},
    {"path": "features-00000.h5", "start": 0},
    {"output_size": 4},
    {"output_size": -1},
]


def plans(out: Path, items: list[Item], stored_as: str) -> Iterator[tuple[Plan, bool | None]]:
    """Yield the plan, and whether the manifest is in order, with the quick way and without it."""
    for is_quick in (True, False):
        with Scratch() as scratch:
            history = read_history(str(out), scratch)
            plan = make_plan(
                ItemTable([list(map(item_values, items))], scratch),
                history.entries if is_quick else slowly(history),
                config_id=make_row().config_id,
                stored=stored_files(str(out), stored_as),
                rerun=Rerun(),
                hash_content=lambda path: None,
                conditions_differ=Conditions(Limits()).differ,
            )
            yield plan, history.in_order


def slowly(history: History) -> Callable[[FindUnchanged | None], Iterator[Entry]]:
    return lambda find_unchanged: history.entries()


@pytest.mark.parametrize("stored_as", ["npy", "hdf5"])
def test_the_plan_is_the_same(tmp_path: Path, stored_as: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over manifests of odd rows, some not in order, some twice, some not as melcli writes them, in pieces of any size.

    An output with a size below 0 is never there.
    """
    chance = random.Random(stored_as)
    num_unchanged = 0
    for number in range(examples(100)):
        monkeypatch.setattr(manifest, "PIECE_BYTES", chance.choice([1, 1000, 2000, 1 << 18]))
        out = tmp_path / str(number)
        rows = [drawn(chance, row_id) for row_id in sorted(chance.sample(ODD, 6), key=os.fsencode)]
        if chance.random() < 0.3:
            rows.insert(chance.randrange(len(rows)), drawn(chance, chance.choice(ODD)))
        write(out, rows, chance)
        items = [
            Item(row.item_id, "in", 1 if chance.random() < 0.9 else 7, 2)
            for row in {row.item_id: row for row in [*rows, make_row("new")]}.values()
        ]
        (quick, quick_order), (slow, slow_order) = (
            (told(plan), in_order) for plan, in_order in plans(out, items, stored_as)
        )
        assert (quick, quick_order) == (slow, slow_order)
        places = [(os.fsencode(row.id), os.fsencode(row.item_id)) for row in rows]
        assert quick_order == all(map(lt, places, places[1:]))
        num_unchanged += sum(sign == "=" for _, sign in quick)
    assert num_unchanged > 5


def test_a_second_row_does_not_undo_the_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first is not as melcli writes it, and of another config: both are left to the plan."""
    monkeypatch.setattr(manifest, "PIECE_BYTES", 1)
    rows = [make_row("a", config_id="0123456789abcdef"), make_row("a", format="wav/pcm_16", decoding=DECODING_REVISION)]
    lines = [rows[0].to_json().replace(":", ": ", 1), rows[1].to_json()]
    (tmp_path / "manifest.jsonl").write_text("".join(f"{line}\n" for line in lines))
    (tmp_path / "a.npy").write_bytes(bytes(rows[1].output_size or 0))
    for plan, _ in plans(tmp_path, [Item("a", "in", 1, 2)], "npy"):
        assert told(plan) == [("a", "*")]


def told(plan: Plan) -> list[tuple[str, str]]:
    return list(plan.signs())


def drawn(chance: random.Random, row_id: str) -> Row:
    change = {"format": "wav/pcm_16", "decoding": DECODING_REVISION, **chance.choice(CHANGES)}
    if chance.random() < 0.1:
        change |= {"status": "failed", "reason": "empty"}
    if chance.random() < 0.1:
        change |= {"channel": 0, "source_channels": 1}
    return make_row(row_id, **change)


def write(out: Path, rows: list[Row], chance: random.Random) -> None:
    """Write a manifest, some of whose lines are not as melcli writes them, and the outputs of most rows."""
    out.mkdir()
    blank = chance.choice([0, 0, 0.3, 1])  # this share of the lines is not as melcli writes them
    lines = [
        row.to_json().replace('"status":', '"status": ' if chance.random() < blank else '"status":') for row in rows
    ]
    (out / "manifest.jsonl").write_text("".join(f"{line}\n" for line in lines))
    for row in rows:
        if row.status == "ok" and chance.random() < 0.8 and row.output_size != -1:
            path = out / row.path
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(bytes(max(0, row.output_size or 0)))


def test_unchanged_rows_are_not_read_one_by_one(tmp_path: Path) -> None:
    """The quick way gives the plan of the slow one, so that only the rows that it leaves show whether it works."""
    out = str(tmp_path)
    settled = [make_row(row_id, format="wav/pcm_16", decoding=DECODING_REVISION) for row_id in ("a", "b", "c")]
    parts = [
        make_row(f"p{number}", start_s=number / 3, end_s=2.5, columns={"x": "\xe9", "y": 1.5}) for number in (0, 1)
    ]
    parts = [replace(part, format="flac/pcm_16", decoding=DECODING_REVISION, rounding="truncate") for part in parts]
    command = replace(parts[0], id="z", path="z.npy", is_command=True)
    rows = [*settled, *parts, command]
    for row in rows:
        (tmp_path / row.path).write_bytes(bytes(row.output_size))
    manifest.write_manifest(out, [row.to_line() for row in rows], in_order=True)
    left: list[str] = []
    with Scratch() as scratch:
        history = read_history(out, scratch)

        def entries(find_unchanged: FindUnchanged | None) -> Iterator[Entry]:
            for entry in history.entries(find_unchanged):
                left.append(entry.id)
                yield entry

        plan = make_plan(
            ItemTable([list(map(item_values, map(Item.of_row, rows)))], scratch),
            entries,
            config_id=make_row().config_id,
            stored=stored_files(out, "npy"),
            rerun=Rerun(),
            hash_content=lambda path: None,
            conditions_differ=Conditions(Limits()).differ,
        )
        assert set(dict(plan.signs()).values()) == {"="}
    assert left == ["z"]
