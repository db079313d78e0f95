"""Many parts of one recording: flat memory, and work for all workers."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from melcli.run.batching import MAX_PARTS, small_batches
from melcli.run.to_do import ToDo
from melcli.scratch import Scratch
from melcli.sources.bounds import Bounds
from melcli.sources.items import Item
from tests.faults.hanging import ROOT
from tests.run.corpus import RATE_HZ, encode, noise

DAY_S = 86_400


@pytest.mark.full
@pytest.mark.parametrize("name", ["a.flac", "a.mp3"])
def test_memory_does_not_grow_with_the_parts(tmp_path: Path, name: str) -> None:
    source = tmp_path / name
    source.write_bytes(encode(noise(1, seconds=502), source.suffix, rate_hz=RATE_HZ))

    def measure(num_parts: int) -> float:
        arguments = [sys.executable, "-m", "tests.run.many_parts", str(num_parts), tmp_path / str(num_parts), source]
        found = json.loads(subprocess.run(arguments, check=True, capture_output=True, cwd=ROOT).stdout)
        assert found["num_ok"] == num_parts
        return float(found["peak_mb"])

    assert measure(2000) < measure(200) + 25  # a part takes 2 kB for its row, and its features are on the disk


@pytest.mark.parametrize(("name", "is_exact"), [("day.flac", True), ("day.wav", True), ("day.mp3", False)])
def test_recording_of_a_day_keeps_all_workers_busy(name: str, is_exact: bool) -> None:
    size = DAY_S * 16_000
    items = [
        Item(f"p{start:05}", name, size, 1, Bounds(start_s=float(start), end_s=start + 10.0).to_json())
        for start in range(0, DAY_S, 10)
    ]
    with Scratch() as scratch:
        batches = list(small_batches(ToDo(items, scratch), 8))
    assert sorted(item.id for batch in batches for item in batch.items) == [item.id for item in items]
    if is_exact:
        assert len(batches) >= 8 * 4
        assert max(batch.cost for batch in batches) < 4 * min(batch.cost for batch in batches[:-1])
    else:
        assert len(batches) == -(-len(items) // MAX_PARTS)  # each decodes the recording from its start
    for batch in batches:  # one pass forward
        assert [item.id for item in batch.items] == sorted(item.id for item in batch.items)
