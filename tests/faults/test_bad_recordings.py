"""A recording that crashes, hangs or fills its worker costs exactly its parts, each with a row, and few workers."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.cli.shell import Ended, run_alone
from tests.elapsed import stretch
from tests.faults.hanging import ROOT
from tests.run.corpus import LIGHT, plant, rows, tree
from tests.run.faults import BEFORE
from tests.run.invariants import check_finished
from tests.tiers import full_but

PARTS = 40
MAX_CRASHES = 10  # of two workers for one recording: the four batches in flight, and a trial of each, one of them twice


def extract(folder: Path, out: Path, *arguments: str) -> Ended:
    """Extract the parts of the recordings in a folder, by a table."""
    lines = ["path,id,start,end"]
    for path in sorted(folder.iterdir()):
        name = path.name.partition(".")[0]
        lines += [f"{path},{name}-{part:02},{part / 20},{part / 20 + 0.5}" for part in range(PARTS)]
    table = folder.parent / "t.csv"
    table.write_text("\n".join(lines) + "\n")
    return run_alone(
        "extract", "--table", table, *LIGHT, "-j", "2", *arguments, out=out, before=BEFORE, env={"PYTHONPATH": ROOT}
    )


@pytest.mark.parametrize("format_", full_but(["npy", "hdf5"], "npy"))
@pytest.mark.parametrize("fault", full_but(["SIGSEGV", "hang", "exit3"], "SIGSEGV"))
def test_bad_recording_costs_its_parts(tmp_path: Path, fault: str, format_: str) -> None:
    plant(tmp_path / "in", "a.flac", f"b.{fault}.wav", "c.mp3", seconds=2.6)
    limit = f"{2 * stretch():.1f}"
    ended = extract(tmp_path / "in", tmp_path / "out", "--json", "-f", format_, "--timeout-per-item", limit)
    assert ended.code == 3, ended
    found = rows(tmp_path / "out")
    assert len(found) == 3 * PARTS
    by_name: dict[str, set[str | None]] = {}
    for row_id, row in found.items():
        by_name.setdefault(row_id[0], set()).add(row["reason"])
    reason = "timeout" if fault == "hang" else "decoder_crash"
    assert by_name == {"a": {None}, "b": {reason}, "c": {None}}
    check_finished(tmp_path / "out")
    told = json.loads(ended.out)
    assert told["failed"] == PARTS
    assert 1 <= told["worker_crashes"] + told["worker_timeouts"] + told["worker_kills"] <= MAX_CRASHES
    os.unlink(tmp_path / "in" / f"b.{fault}.wav")
    alone = extract(tmp_path / "in", tmp_path / "alone", "-f", format_)
    assert alone.code == 0
    good = {name: data for name, data in tree(tmp_path / "alone").items() if name.endswith(".npy")}
    assert {name: tree(tmp_path / "out").get(name) for name in good} == good


@pytest.mark.full
def test_bad_recording_costs_its_chunks(tmp_path: Path) -> None:
    plant(tmp_path / "in", "a.flac", "b.SIGSEGV.wav", "c.mp3", seconds=2.6)
    ended = run_alone(
        *("extract", tmp_path / "in", *LIGHT, "--chunk", "0.5s", "--json"),
        out=tmp_path / "out",
        before=BEFORE,
        env={"PYTHONPATH": ROOT},
    )
    assert ended.code == 3
    found = rows(tmp_path / "out")
    assert found["b.SIGSEGV"]["reason"] == "decoder_crash"
    assert len(found) == 1 + 6 + 6
    check_finished(tmp_path / "out")
