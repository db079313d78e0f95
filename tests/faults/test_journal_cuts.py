"""Journals that a kill, a power cut or a bad disk left: cut at every byte, with other bytes in them, out of order.

FAULTS.md: "journal cut at every byte; random bytes in it".  A damaged journal costs time and nothing else: no row of it
is believed that was not written, and the next run ends with the bytes of one that nothing disturbed.
"""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.cli.shell import Ended
from tests.faults.loops import Tally, loop
from tests.run.corpus import plant, rows, tree
from tests.run.invariants import check_after_fault, check_after_rerun, check_finished
from tests.store.rows import rows_of as newest_rows
from tests.tiers import full_but

Command = Callable[..., Ended]

FORMATS = pytest.mark.parametrize("format_", ["npy", "hdf5"])
# 128 kB of features for a second of sound: two of the long sounds fill a shard of a megabyte.
SETTINGS = tuple(
    part
    for setting in (
        *("sampling_rate=8000", "fft_length=128", "sequence_stride=32", "num_mel_bins=64"),
        *("dtype=float64", "shard_mb=1"),
    )
    for part in ("-s", setting)
)
JOURNALS_TO_A_RERUN = 200
KINDS = ("flipped", "overwritten", "inserted", "removed", "doubled", "reordered", "cut", "zeroed", "joined")


class Killed(BaseException):
    """Stands for a SIGKILL: nothing in melcli catches it."""


@dataclass(frozen=True)
class Interrupted:
    """A run that died when all was done but the manifest.

    Attributes
    ----------
    out : Path
        As it left it.
    journal : bytes
        Its journal.
    truth : dict of str to object
        Every row of the journal, by id.
    undisturbed : dict of str to bytes
        What a run leaves that nothing disturbs.
    """

    out: Path
    journal: bytes
    truth: dict[str, Any]
    undisturbed: dict[str, bytes]

    @property
    def plan_bytes(self) -> int:
        """Of the lines ahead of the first row: there the shards are planned."""
        return self.journal.rfind(b"\n", 0, self.journal.find(b'"status"')) + 1


@pytest.fixture
def interrupted(tmp_path: Path, melcli: Command, monkeypatch: pytest.MonkeyPatch, format_: str) -> Interrupted:
    plant(tmp_path / "in", "a.wav", "b.wav", "c.wav", "d.wav", seconds=0.1)
    if format_ == "hdf5":
        plant(tmp_path / "in", "e.wav", "f.wav", "g.wav", "h.wav", seconds=3.6)
    (tmp_path / "in" / "bad.wav").write_bytes(b"")
    arguments = ["extract", tmp_path / "in", *SETTINGS, "-f", format_]
    assert melcli(*arguments, "-o", tmp_path / "undisturbed").code == 3

    def die(*_: Any, **__: Any) -> None:
        raise Killed

    out = tmp_path / "killed"
    with monkeypatch.context() as patch:
        patch.setattr("melcli.store.history.History.write_manifest", die)
        with pytest.raises(Killed):
            melcli(*arguments, "-o", out)
    check_after_fault(out)
    journal = (out / ".melcli" / "journal.jsonl").read_bytes()
    return Interrupted(out, journal, rows_of(out), tree(tmp_path / "undisturbed"))


def rows_of(out: Path) -> dict[str, Any]:
    """Return what OUT believes of itself, as JSON by id; an id that stands twice is told twice alike."""
    found: dict[str, Any] = {}
    for row in newest_rows(out):
        text = json.loads(row.to_json())
        assert found.setdefault(row.id, text) == text
    return found


def put_journal(out: Path, journal: bytes) -> None:
    path = out / ".melcli" / "journal.jsonl"
    path.unlink(missing_ok=True)  # ext4 flushes a file that is truncated and rewritten
    path.write_bytes(journal)


def check_believed(out: Path, journal: bytes, truth: dict[str, Any]) -> dict[str, Any]:
    """Hold every row that is believed of a journal against what was written."""
    put_journal(out, journal)
    found = rows_of(out)
    assert found.items() <= truth.items(), "a row is believed that nobody wrote"
    return found


def check_rerun(interrupted: Interrupted, melcli: Command, journal: bytes) -> None:
    """Let a run go on from a journal, in a copy of OUT, and hold what it leaves against an undisturbed one."""
    source, out = interrupted.out.with_name("in"), interrupted.out.with_name("again")
    shutil.copytree(interrupted.out, out)
    try:
        put_journal(out, journal)
        ended = melcli("extract", source, *SETTINGS, "-f", journal_format(interrupted), "-o", out)
        assert ended.code == 3, ended
        if journal.startswith(interrupted.journal[: interrupted.plan_bytes]):
            check_after_rerun(out, interrupted.undisturbed, said=ended.err)
        else:  # the shards are cut again; they are on the disk before anything is made
            check_finished(out)
            assert {name: row["crc32"] for name, row in rows(out).items()} == {
                name: row["crc32"] for name, row in interrupted.truth.items()
            }
    finally:
        shutil.rmtree(out)


def journal_format(interrupted: Interrupted) -> str:
    return "hdf5" if interrupted.plan_bytes else "npy"


@pytest.mark.full
@pytest.mark.parametrize("format_", full_but(["npy", "hdf5"], "npy"))
def test_every_cut_leaves_the_whole_lines_before_it(interrupted: Interrupted, format_: str) -> None:
    journal, believed = interrupted.journal, set[str]()
    lines = 0
    ends = {number for number, byte in enumerate(journal, 1) if byte == ord("\n")}
    around = {end + more for end in ends for more in (-2, -1, 0, 1)} - {len(journal) + 1}
    for cut in sorted({*range(0, len(journal), 5), *around}):
        found = check_believed(interrupted.out, journal[:cut], interrupted.truth)
        if journal[:cut].endswith(b"\n"):
            lines += 1
            assert len(found) >= len(believed)
            believed = set(found)
        assert set(found) == believed, f"cut at byte {cut}"
    assert believed == set(interrupted.truth)
    assert lines == journal.count(b"\n") >= 2


@FORMATS
@loop(default=2, quick=3, soak=2000)
def test_runs_go_on_from_a_cut_journal(
    rounds: int, seed: int, tally: Tally, interrupted: Interrupted, melcli: Command, format_: str
) -> None:
    """The journal is cut at any byte after the plan of shards, and a run resumes from it."""
    chance = random.Random(seed)
    journal, first = interrupted.journal, interrupted.plan_bytes
    ends = [number for number, byte in enumerate(journal, 1) if byte == ord("\n") and number >= first]
    cuts = range(first, len(journal) + 1)
    if rounds < len(cuts):
        others = chance.sample(cuts, rounds - 2)
        cuts = [chance.choice(ends), chance.choice(ends) - 1, *others]  # type: ignore[assignment]
    for cut in cuts:
        with tally.round():
            check_rerun(interrupted, melcli, journal[:cut])


@FORMATS
@loop(default=50, quick=200, soak=10_000)
def test_journals_with_other_bytes_in_them(
    rounds: int, seed: int, tally: Tally, interrupted: Interrupted, melcli: Command, format_: str
) -> None:
    """Bytes of the journal are others, gone, new, doubled, or in another order."""
    chance = random.Random(seed)
    for number in range(rounds):
        with tally.round():
            journal = interrupted.journal
            for _ in range(chance.choice([1, 1, 1, 2, 5])):
                journal = damaged(journal, chance.choice(KINDS), chance)
            check_believed(interrupted.out, journal, interrupted.truth)
            if number % JOURNALS_TO_A_RERUN == 0:
                check_rerun(interrupted, melcli, journal)


def damaged(journal: bytes, kind: str, chance: random.Random) -> bytes:
    """Damage a journal in one way."""
    lines = journal.splitlines(keepends=True)
    start = chance.randrange(len(journal) + 1)
    size = chance.choice([1, 1, 2, 7, 64, 512, 4096])
    random_bytes = chance.randbytes(size)
    if kind == "flipped":
        flipped = bytes(byte ^ 1 << chance.randrange(8) for byte in journal[start : start + 1])
        return journal[:start] + flipped + journal[start + 1 :]
    if kind == "overwritten":
        return journal[:start] + random_bytes + journal[start + size :]
    if kind == "zeroed":  # as by a file system that has the length of a file and not its content
        return journal[:start] + bytes(len(journal[start : start + size])) + journal[start + size :]
    if kind == "inserted":
        return journal[:start] + random_bytes + journal[start:]
    if kind == "removed":
        return journal[:start] + journal[start + size :]
    if kind == "cut":
        return journal[:start]
    if kind == "doubled" and lines:
        return b"".join([*lines, *chance.choices(lines, k=3)])
    if kind == "joined" and lines:  # as a write after one that was cut short
        return journal[:start] + chance.choice(lines)
    chance.shuffle(lines)
    return b"".join(lines)


@pytest.mark.parametrize("format_", ["npy"])
def test_it_would_be_seen_if_damaged_lines_were_believed(
    interrupted: Interrupted, monkeypatch: pytest.MonkeyPatch, format_: str
) -> None:
    def believe_all(lines: Iterable[bytes]) -> Iterator[tuple[int, int, bytes]]:
        start = 0
        for number, line in enumerate(lines, 1):
            yield number, start, line
            start += len(line)

    monkeypatch.setattr("melcli.store.journal._intact_lines", believe_all)
    forged = interrupted.journal.replace(b'"id":"a"', b'"id":"x"').replace(b'"path":"a.npy"', b'"path":"x.npy"')
    with pytest.raises(AssertionError, match="a row is believed that nobody wrote"):
        check_believed(interrupted.out, forged, interrupted.truth)
