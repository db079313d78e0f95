"""Check the invariants: what must hold in OUT after any fault, and after the same command ran again.

I1  Every final-named file is complete and equals its row.
I2  A row ``ok`` means that the output is there.
I3  The same command again ends with the bytes of an undisturbed run.
I4  A bad input does not affect others: it is among the inputs, so I3 covers this.
I6  No raw control character reaches the terminal.
I7  No process is left, no lock is held, and no temporary file survives the next run.
"""

from __future__ import annotations

import os
import unicodedata
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
from filelock import FileLock

from melcli.store.rows import OkRow
from tests.elapsed import wait_until
from tests.run.corpus import rows, tree
from tests.store.rows import rows_of

__all__ = [
    "alive",
    "check_after_fault",
    "check_after_rerun",
    "check_finished",
    "check_nobody_left",
    "check_printed",
    "torn",
]

# Unicode format characters that letters or numbers need.
VISIBLE_OR_JOINING = {
    *("\u200c", "\u200d", "\u06dd", "\u070f", "\u0890", "\u0891", "\u08e2", "\U000110bd", "\U000110cd"),
    *map(chr, range(0x600, 0x606)),
    *map(chr, range(0x13430, 0x13440)),
}

ENDING_S = 2.0  # within which the processes of a run must end after it


def check_after_fault(out: Path, *, said: str = "", session: int | None = None) -> None:
    """Check I1, I2, I6 and I7 for OUT right after a fault.

    Parameters
    ----------
    out : Path
        An OUT that was new when the run began: the file of a stale item may be newer than its row.
    said : str
        Output of the run, not on a terminal.
    session : int
        Session of the run; all its processes must have ended.
    """
    check_printed(said)
    if session is not None:
        check_nobody_left(session)
    with FileLock(out / ".melcli" / "lock", timeout=0):
        pass
    _check_outputs(out)


def check_after_rerun(out: Path, undisturbed: Mapping[str, bytes], *, said: str = "") -> None:
    """Check I3, I4, I6 and I7 for OUT after the command ran again and completed.

    Parameters
    ----------
    out : Path
    undisturbed : Mapping
        `tests.run.corpus.tree` of an undisturbed run.
    said : str
        Output of the second run.
    """
    check_printed(said)
    check_finished(out)
    found = tree(out)
    assert sorted(found) == sorted(undisturbed)
    different = [name for name, content in undisturbed.items() if found[name] != content]
    assert different == []


def check_finished(out: Path) -> None:
    """Check I1, I2 and the second half of I7 for OUT after a completed run."""
    _check_outputs(out)
    assert [path for path in out.rglob("*") if path.name.endswith(".tmp")] == []
    assert not (out / ".melcli" / "journal.jsonl").exists()
    manifest = rows(out)
    assert list(manifest) == sorted(manifest, key=os.fsencode)
    failed = {row_id: row for row_id, row in manifest.items() if row["status"] == "failed"}
    assert rows(out, "failures.jsonl") == failed


def check_printed(said: str) -> None:
    """Check I6 for output that was not on a terminal: lines without terminal control characters."""
    raw = {character for character in said if unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"}}
    assert raw <= {"\n", *VISIBLE_OR_JOINING}


def torn(out: Path) -> list[str]:
    """List the items whose outputs are missing or differ from their rows."""
    found = []
    shards: dict[Path, _Shard] = {}
    for row in rows_of(out):
        if row.path is not None:
            path = out / row.path
            try:
                if path.suffix == ".h5" and path not in shards:
                    shards[path] = _read_shard(path)
                _check_row(out, row, shards)
            except (AssertionError, OSError, ValueError, EOFError, KeyError):
                found.append(row.id)
    return found


def alive(session: int) -> list[int]:
    """List the processes of a session, without zombies."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, its_session = status.read_text(errors="replace").rpartition(")")[2].split()[:4]
        except OSError:  # it ended in the meantime
            continue
        if int(its_session) == session and state != "Z":
            found.append(int(status.parent.name))
    return found


def check_nobody_left(session: int) -> None:
    """Check the first half of I7 for a run that has ended; on an overloaded machine with more time."""
    wait_until(lambda: not alive(session), ENDING_S, poll_s=0.02)
    assert [_command(process) for process in alive(session)] == []


def _command(process: int) -> str:
    try:
        words = Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0")
        state = Path(f"/proc/{process}/stat").read_text(errors="replace").rpartition(")")[2].split()[0]
    except OSError:
        return f"{process} (ended by now)"
    return f"{process} {state} {b' '.join(words)[:200].decode(errors='replace')}"


def _check_outputs(out: Path) -> None:
    for path in sorted(out.rglob("*.npy")):
        np.load(path, allow_pickle=False)  # fails if a part is missing
    shards = {path: _read_shard(path) for path in sorted(out.glob("*.h5"))}
    for row in rows_of(out):
        if row.status == "ok":
            _check_row(out, row, shards)


class _Shard(NamedTuple):
    ids: list[str]
    start: list[int]
    num_frames: list[int]
    features: np.ndarray


def _read_shard(path: Path) -> _Shard:
    """Read a whole shard, which has checksums."""
    with h5py.File(path, locking=False) as file:
        features, frames = file["features"][:], file["num_frames"][:]
        assert features.shape[file["features"].attrs["time_axis"]] == frames.sum()
        assert list(file["start"][:]) == [0, *np.cumsum(frames)[:-1]]
        assert len(file["ids"]) == len(frames)
        ids = [os.fsdecode(item_id) for item_id in file["ids"][:]]
        return _Shard(ids, list(file["start"][:]), list(frames), features)


def _check_row(out: Path, row: OkRow, shards: Mapping[Path, _Shard]) -> None:
    path = out / row.path
    assert path.stat().st_size == row.output_size
    stored = np.load(path, allow_pickle=False) if row.start is None else _from_shard(shards[path], row)
    assert stored.shape == (row.num_features, row.num_frames)
    assert stored.dtype == row.dtype
    assert f"{zlib.crc32(stored.tobytes()):08x}" == row.crc32
    assert (stored.min(), stored.max()) == (row.min, row.max)
    np.testing.assert_allclose(stored.mean(dtype=np.float64), row.mean, rtol=1e-12)


def _from_shard(shard: _Shard, row: OkRow) -> np.ndarray:
    assert row.start is not None
    number = shard.ids.index(row.id)
    assert (shard.start[number], shard.num_frames[number]) == (row.start, row.num_frames)
    return shard.features[:, row.start : row.start + row.num_frames]
