"""OUT's books as `melcli verify` reads them: a line that is no row is named and passed over, and the rest is read.

Of a row only its place is kept (see `melcli.store.lines`), so that memory stays small.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from heapq import merge
from itertools import chain
from typing import Any, BinaryIO

from melcli.errors import StorageError
from melcli.opening import NotRegular, regular_only
from melcli.printable import printable
from melcli.store.damage import Damage
from melcli.store.history import History, read_history
from melcli.store.journal import PlannedShard, start_journal_anew
from melcli.store.layout import FAILURES_FILE, MANIFEST_FILE, npy_name, shard_number
from melcli.store.lines import UTF8, Line, Lines
from melcli.store.manifest import Row, write_manifest

__all__ = ["Books", "read_books"]

LONGEST_LINE_BYTES = 1 << 24  # a row is a few hundred bytes, with the longest of names some 50,000
PIECE_BYTES = 1 << 20
LARGEST = (1 << 63) - 1  # of a number of bytes, frames or nanoseconds
LARGEST_CHANNEL = (1 << 31) - 1
STORED_TYPES = ("float16", "float32", "float64")
HEX_OF_CRC32 = re.compile(r"[0-9a-f]{8}")

_DECODER = json.JSONDecoder()
_TEXT, _NUMBER = (str,), (int, float)
# What a row must hold, of which type; bool counts as no number.
_OF_ALL: Mapping[str, tuple[type, ...]] = {
    "id": _TEXT,
    "source": _TEXT,
    "config_id": _TEXT,
    "source_size": (int,),
    "source_mtime_ns": (int,),
    "flags": (list,),
    "channel": (int, type(None)),
}
_OF_OK: Mapping[str, tuple[type, ...]] = {
    "path": _TEXT,
    "dtype": _TEXT,
    "crc32": _TEXT,
    "num_frames": (int,),
    "num_features": (int,),
    "output_size": (int,),
    "min": _NUMBER,
    "max": _NUMBER,
    "mean": _NUMBER,
    "start": (int, type(None)),
}
_OF_FAILED: Mapping[str, tuple[type, ...]] = {"reason": _TEXT, "message": _TEXT}


class Books:
    """What manifest and journal say, with what is wrong with manifest and list of failures.

    Attributes
    ----------
    out : str
        OUT.
    history : History
        Of the journal's rows, which stand over the manifest's.
    damages : list of Damage
        Of manifest and list of failures.
    has_manifest : bool
        Whether there is a manifest, be it damaged.
    """

    def __init__(self, out: str, history: History) -> None:
        self.out = out
        self.history = history
        self.damages: list[Damage] = []
        self.has_manifest = True
        self.manifest = Lines()
        self._dropped: set[int] = set()  # numbers of rows that stand twice

    def refs(self, keep: Callable[[str], bool] = lambda item_id: True) -> Iterator[int]:
        """Yield what `row` takes, for the newest rows of every input to keep; without those that stand twice."""
        older, newer = self._numbers(keep)
        yield from older
        yield from (~number for number in newer)

    def row(self, ref: int) -> Row:
        """Read one row."""
        text = self.manifest.text(ref) if ref >= 0 else self.history.journal_rows.text(~ref)
        return Row.from_plain(_DECODER.decode(text))

    def mend(self, damaged: Mapping[str, Damage], shards: Sequence[PlannedShard] = ()) -> None:
        """Write manifest and list of failures anew, without what is no row, and with items that are damaged as failed.

        The journal is taken into the manifest; the plan of the shards that its run meant to write stays.

        Parameters
        ----------
        damaged : mapping of str to Damage
            By the id of the input.
        shards : sequence of PlannedShard
            That are to be made anew.

        Raises
        ------
        StorageError
            OUT cannot be written; the books that were there stay.
        """
        older, newer = self._numbers(lambda item_id: item_id not in damaged)
        parts = self.manifest.in_order(older), self.history.journal_rows.in_order(newer), self._failed(damaged)
        rows: Iterator[Row | Line] = merge(*parts, key=lambda row: (row.id, row.item_id))
        write_manifest(self.out, rows, in_order=True)
        start_journal_anew(self.out, [*self.history.shards, *shards])

    def _failed(self, damaged: Mapping[str, Damage]) -> list[Row]:
        """Return a failed row for each input that is damaged, sorted by id: for all of its channels one."""
        rows = {row.item_id: row for row in map(self.row, self.refs(damaged.__contains__))}
        return [_damaged_row(row, damaged[item_id]) for item_id, row in sorted(rows.items())]

    def drop(self, doubles: Collection[tuple[str, str]]) -> None:
        """Take rows for none, by id and item id."""
        keys = zip(self.manifest.ids, self.manifest.item_ids, strict=True)
        self._dropped = {number for number, key in enumerate(keys) if key in doubles}

    def _numbers(self, keep: Callable[[str], bool]) -> tuple[Iterator[int], Iterator[int]]:
        """Return the numbers of the rows that count, in the manifest and in the journal."""
        newest, journal = self.history.newest, self.history.journal_rows
        older = (
            number
            for number, item_id in enumerate(self.manifest.item_ids)
            if item_id not in newest and number not in self._dropped and keep(item_id)
        )
        newer = (
            number for number, item_id in enumerate(journal.item_ids) if number >= newest[item_id] and keep(item_id)
        )
        return older, newer


def _damaged_row(row: Row, damage: Damage) -> Row:
    return Row(
        id=row.item_id,
        source=row.source,
        status="failed",
        reason="damaged",
        message=printable(f"{damage.path}: {damage.message} [{damage.kind}]"),
        source_size=row.source_size,
        source_mtime_ns=row.source_mtime_ns,
        source_hash=row.source_hash,
        config_id=row.config_id,
    )


def read_books(out: str) -> Books:
    """Read what OUT says of itself, as far as it can be read.

    Raises
    ------
    StorageError
        The journal is no journal of this version, or a book cannot be opened though it is there.
    """
    books = Books(out, read_history(out))
    try:
        with open(os.path.join(out, MANIFEST_FILE), "rb", opener=regular_only) as file:
            failed = _read_manifest(books, file)
    except FileNotFoundError:
        books.has_manifest = False
        return books
    except NotRegular as error:
        books.damages.append(Damage(kind="manifest", path=MANIFEST_FILE, message=error.strerror or ""))
        return books
    except OSError as error:  # to write it anew would lose what it says
        raise StorageError(f"cannot read {printable(os.path.join(out, MANIFEST_FILE))}: {error.strerror}") from error
    if not books.damages:
        books.damages.extend(_compare_failures(out, failed))
    return books


def _read_manifest(books: Books, file: BinaryIO) -> bytes:
    """Take the rows of a manifest; return the digest of its failed ones."""
    books.manifest.open(file)
    failed = hashlib.sha256()
    before = ("", "")
    seen: set[tuple[str, str]] | None = None  # of a manifest that is not sorted: twins need not be neighbours
    doubles: set[tuple[str, str]] = set()
    start = 0
    for number, line in enumerate(iter(lambda: file.readline(LONGEST_LINE_BYTES), b""), 1):
        plain, fault = _parse(line)
        if fault:
            books.damages.append(_line_damage(number, fault))
        else:
            size = len(line) - line.endswith(b"\n")
            books.manifest.add(plain, start, size)
            if plain["status"] == "failed":
                failed.update(line[:size] + b"\n")
            key = plain["id"], books.manifest.item_ids[-1]
            if key <= before and seen is None:
                seen = set(zip(books.manifest.ids[:-1], books.manifest.item_ids[:-1], strict=True))
            if seen is not None and key in seen:
                doubles.add(key)
                books.damages.append(_line_damage(number, "its item stands twice", *key))
            elif key <= before:
                books.damages.append(_line_damage(number, "it is not in its place: lines are sorted by id"))
            if seen is not None:
                seen.add(key)
            before = key
        start += len(line)
    books.drop(doubles)
    return failed.digest()


def _parse(line: bytes) -> tuple[Any, str]:
    """Read one line; return the object, and what is wrong with it as a row."""
    try:
        plain = _DECODER.decode(line.decode(*UTF8))
        if not isinstance(plain, dict):
            return None, "it is no row"
        fault = _fault(plain)
        if not fault:
            Row.from_plain(plain).to_json()  # it has to go into the next manifest
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
        return None, f"it is no row ({error})"
    return plain, fault


def _fault(plain: Mapping[str, Any]) -> str:
    """Say what is wrong with the fields of a row; ``""`` where nothing is."""
    own = _OF_OK if plain.get("status") == "ok" else _OF_FAILED
    for name, types in chain(_OF_ALL.items(), own.items()):
        value = plain.get(name)
        if not isinstance(value, types) or isinstance(value, bool):
            return f"its {name} is {json.dumps(value)[:80]}"
        if name not in plain:
            return f"its {name} is missing"
        largest = LARGEST_CHANNEL if name == "channel" else LARGEST
        if isinstance(value, int) and not -LARGEST <= value <= largest:
            return f"its {name} is {str(value)[:80]}"
    if "\0" in plain["id"]:
        return f"its id is {json.dumps(plain['id'])[:80]}"
    if plain["status"] not in ("ok", "failed"):
        return f"its status is {json.dumps(plain['status'])[:80]}"
    return _fault_of_output(plain) if plain["status"] == "ok" else ""


def _fault_of_output(plain: Mapping[str, Any]) -> str:
    path, start = plain["path"], plain["start"]
    apart = path == npy_name(plain["id"]) and start is None and _is_inside(path)
    in_shard = shard_number(path) is not None and start is not None and start >= 0
    if not (apart or in_shard):
        return f"its path is {json.dumps(path)[:80]}, which is not where its output stands"
    if plain["dtype"] not in STORED_TYPES or not HEX_OF_CRC32.fullmatch(plain["crc32"]):
        return "its dtype or crc32 is none"
    if min(plain["num_frames"], plain["num_features"], plain["output_size"]) < 0:
        return "a number of it is below 0"
    if not all(math.isfinite(plain[name]) for name in ("min", "max", "mean")):
        return "its min, max or mean is no number"
    return ""


def _is_inside(path: str) -> bool:
    return "\0" not in path and os.path.normpath(os.path.join("/out", path)).startswith("/out/")


def _compare_failures(out: str, failed: bytes) -> Iterator[Damage]:
    """Hold the list of failures against the failed rows of the manifest: both are written of the same lines."""
    digest = hashlib.sha256()
    try:
        with open(os.path.join(out, FAILURES_FILE), "rb", opener=regular_only) as file:
            while piece := file.read(PIECE_BYTES):
                digest.update(piece)
    except OSError as error:
        said = "it is missing" if isinstance(error, FileNotFoundError) else f"it cannot be read: {error.strerror}"
        yield Damage(kind="failures", path=FAILURES_FILE, message=said)
        return
    if digest.digest() != failed:
        yield Damage(kind="failures", path=FAILURES_FILE, message="it does not hold the failed rows of the manifest")


def _line_damage(number: int, fault: str, row_id: str | None = None, item_id: str | None = None) -> Damage:
    message = f"line {number}: {fault}" if row_id is None else f"line {number} of {MANIFEST_FILE}: {fault}"
    return Damage(kind="manifest", path=MANIFEST_FILE, message=message, id=row_id, item_id=item_id)
