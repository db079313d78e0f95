"""Rows whose items are plainly done, told apart without reading them whole: with the plan that reading them gives."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from melcli.audio.revisions import DECODING_REVISION
from melcli.run.limits import Limits
from melcli.run.plan import Plan, Rerun, make_plan
from melcli.run.tried_with import Conditions
from melcli.scratch import Scratch
from melcli.sources.item_table import ItemTable
from melcli.sources.items import Item
from melcli.store.entries import Entry, PlainRow
from melcli.store.history import History, read_history
from melcli.store.placement import StoredFiles
from melcli.store.rows import Row
from tests.store.rows import make_row
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
]


def plans(out: Path, items: list[Item], stored_as: str) -> Iterator[tuple[Plan, bool | None]]:
    """Yield the plan, and whether the manifest is in order, with the quick way and without it."""
    for is_quick in (True, False):
        with Scratch() as scratch:
            history = read_history(str(out), scratch)
            plan = make_plan(
                ItemTable(items, scratch),
                history.entries if is_quick else slowly(history),
                config_id=make_row().config_id,
                stored=StoredFiles(str(out), stored_as),
                rerun=Rerun(),
                hash_content=lambda path: None,
                conditions_differ=Conditions(Limits()).differ,
            )
            yield plan, history.in_order


def slowly(history: History) -> Callable[[Callable[[PlainRow], bool] | None], Iterator[Entry]]:
    return lambda is_settled: history.entries()


@pytest.mark.parametrize("stored_as", ["npy", "hdf5"])
def test_the_plan_is_the_same(tmp_path: Path, stored_as: str) -> None:
    """Over manifests of odd rows, some not in order, some twice, some not as melcli writes them."""
    chance = random.Random(stored_as)
    settled = 0
    for number in range(examples(100)):
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
        settled += sum(sign == "=" for _, sign in quick)
    assert settled > 5


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
    blank = chance.random() < 0.2
    lines = [row.to_json().replace('"status":', '"status": ' if blank else '"status":') for row in rows]
    (out / "manifest.jsonl").write_text("".join(f"{line}\n" for line in lines))
    for row in rows:
        if row.status == "ok" and chance.random() < 0.8:
            path = out / row.path
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(bytes(row.output_size or 0))
