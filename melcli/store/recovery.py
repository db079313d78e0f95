"""Read manifest and journal for ``melcli verify``: invalid lines are reported and skipped.

Only the position of each row is kept, in a scratch database (see `melcli.store.lines`), so that memory stays small.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack
from heapq import merge
from typing import BinaryIO

from melcli.byte_order import byte_order, ids_in_order, text_of
from melcli.errors import StorageError
from melcli.opening import NotRegular, regular_nofollow
from melcli.printable import printable
from melcli.scratch import Scratch
from melcli.store.damage import Damage
from melcli.store.history import SORT_KEY, History, read_history
from melcli.store.journal import PlannedShard, restart_journal
from melcli.store.layout import FAILURES_FILE, JOURNAL_NAME, MANIFEST_FILE
from melcli.store.lines import Line, Lines
from melcli.store.manifest import write_manifest
from melcli.store.row_validity import fault_of_row
from melcli.store.rows import BOUNDS_FIELDS, ROW_ERRORS, FailedRow, OkRow, Row, RowFault, read_row

__all__ = ["Records", "read_records"]

MAX_LINE_BYTES = 1 << 24  # a row has a few hundred bytes, with the longest names about 50,000
PIECE_BYTES = 1 << 20


class Records:
    """The rows of manifest and journal, with the damages of manifest, journal and list of failures.

    Attributes
    ----------
    out : str
        OUT.
    history : History
        Contains the journal's rows, which replace the manifest's.
    damages : list of Damage
        Damages of journal, manifest and list of failures.
    has_manifest : bool
        Whether there is a manifest, even if it is damaged.
    """

    def __init__(self, out: str, history: History) -> None:
        self.out = out
        self.history = history
        self.damages: list[Damage] = []
        self.has_manifest = True
        self.scratch = history.journal.scratch
        self.manifest = Lines(self.scratch)
        self._dropped: set[int] = set()  # numbers of duplicate rows

    def refs(self, keep: Callable[[str], bool] = lambda item_id: True) -> Iterator[int]:
        """Yield arguments for `row`, for the newest rows of every input to keep, without duplicates."""
        newer = self.history.journal.lookup()
        for number, item_id in self.manifest.numbers():
            if newer.find(item_id) is None and number not in self._dropped and keep(text_of(item_id)):
                yield number
        yield from (~number for number, item_id in self.history.journal.numbers(newest=True) if keep(text_of(item_id)))

    def row(self, ref: int) -> Row:
        """Read one row."""
        text = self.manifest.text(ref) if ref >= 0 else self.history.journal.text(~ref)
        return read_row(text)

    def ok_row(self, ref: int) -> OkRow:
        """Read one row that `row` returned before as `OkRow`."""
        row = self.row(ref)
        if not isinstance(row, OkRow):
            raise TypeError(f"the row of {row.id!r} is not the row of an output")
        return row

    def close(self) -> None:
        """Close the files from which rows are read."""
        self.manifest.close()
        self.history.journal.close()

    def repair(self, damaged: Mapping[str, Damage], shards: Sequence[PlannedShard] = ()) -> None:
        """Rewrite manifest and list of failures without invalid lines, and with damaged items as failed rows.

        The journal is merged into the manifest; the plan of its shards is kept.

        Parameters
        ----------
        damaged : mapping of str to Damage
            Damages by the id of the input.
        shards : sequence of PlannedShard
            Shards to rebuild.

        Raises
        ------
        StorageError
            OUT cannot be written; the previous manifest and journal are kept.
        """
        newer = self.history.journal.lookup()
        manifest, journal = self.manifest.in_order(skip=self._dropped), self.history.journal.in_order(newest=True)
        older = (line for line in manifest if newer.find(line.item_id) is None)
        lines = (line for line in merge(older, journal, key=SORT_KEY) if text_of(line.item_id) not in damaged)
        failed = (row.to_line() for row in self._failed(damaged))
        merged: Iterator[Line] = merge(lines, failed, key=SORT_KEY)
        write_manifest(self.out, merged, in_order=True)
        restart_journal(self.out, [*self.history.unmade(), *shards])

    def _failed(self, damaged: Mapping[str, Damage]) -> list[FailedRow]:
        """Return a failed row for each damaged input, sorted by id: one for all of its channels."""
        rows = {row.item_id: row for row in map(self.row, self.refs(damaged.__contains__))}
        item_ids = ids_in_order(rows)
        return [_damaged_row(rows[item_id], damaged[item_id]) for item_id in item_ids]

    def drop(self, numbers: Collection[int]) -> None:
        """Ignore rows of the manifest."""
        self._dropped = set(numbers)


def _damaged_row(row: Row, damage: Damage) -> FailedRow:
    return FailedRow(
        id=row.item_id,
        source=row.source,
        reason="damaged",
        message=printable(f"{damage.path}: {damage.message} [{damage.kind}]"),
        source_size=row.source_size,
        source_mtime_ns=row.source_mtime_ns,
        source_hash=row.source_hash,
        format=row.format,
        decoding=row.decoding,
        config_id=row.config_id,
        columns=row.columns,
        **{name: getattr(row, name) for name in BOUNDS_FIELDS},
    )


def read_records(out: str, scratch: Scratch) -> Records:
    """Read manifest and journal as far as possible.

    Parameters
    ----------
    out : str
        OUT.
    scratch : Scratch
        Database for the positions of the rows.

    Raises
    ------
    StorageError
        The manifest or the journal exists but cannot be opened.
    """
    faults: list[str] = []
    records = Records(out, read_history(out, scratch, faults.append))
    records.damages += (Damage(kind="journal", path=JOURNAL_NAME, message=fault) for fault in faults)
    with ExitStack() as opened:
        opened.callback(records.close)
        _read_records(records)
        opened.pop_all()
    return records


def _read_records(records: Records) -> None:
    out = records.out
    try:
        with open(os.path.join(out, MANIFEST_FILE), "rb", opener=regular_nofollow) as file:
            failed = _read_manifest(records, file)
    except FileNotFoundError:
        records.has_manifest = False
        return
    except NotRegular as error:
        records.damages.append(Damage(kind="manifest", path=MANIFEST_FILE, message=error.strerror or ""))
        return
    except OSError as error:  # rewriting it would lose its rows
        raise StorageError(f"cannot read {printable(os.path.join(out, MANIFEST_FILE))}: {error.strerror}") from error
    if not any(damage.kind == "manifest" for damage in records.damages):
        records.damages.extend(_compare_failures(out, failed))


def _read_manifest(records: Records, file: BinaryIO) -> bytes:
    """Record the rows of a manifest; return the digest of its failed rows."""
    records.manifest.open(file)
    failed = hashlib.sha256()
    before = (b"", b"")
    faulty: list[int] = []  # numbers of lines that are not rows
    misplaced: set[int] = set()  # numbers of rows
    start = 0
    for number, line in enumerate(iter(lambda: file.readline(MAX_LINE_BYTES), b""), 1):
        row = _parse(line)
        if isinstance(row, str):
            faulty.append(number)
            records.damages.append(_line_damage(number, row))
        else:
            size = len(line) - line.endswith(b"\n")
            place = byte_order(row.id), byte_order(row.item_id)
            if place <= before:
                misplaced.add(len(records.manifest))
            before = place
            records.manifest.add(row, start, size)
            if row.status == "failed":
                failed.update(line[:size] + b"\n")
        start += len(line)
    if misplaced:
        _report_misplaced(records, misplaced, faulty)
    return failed.digest()


def _report_misplaced(records: Records, misplaced: set[int], faulty: Sequence[int]) -> None:
    """Report duplicate and misplaced rows; all copies of a duplicate are ignored."""
    duplicates: dict[int, Damage] = {}
    seen: set[tuple[bytes, bytes]] = set()
    dropped = []
    for number, row_id, item_id in records.manifest.duplicates():
        dropped.append(number)
        if (row_id, item_id) in seen:
            line = _line_number(number, faulty)
            duplicates[number] = _line_damage(line, "its item is listed twice", text_of(row_id), text_of(item_id))
        seen.add((row_id, item_id))
    records.drop(dropped)
    message = "it is not in its place: lines are sorted by the bytes of the ids"
    for number in sorted(misplaced | duplicates.keys()):
        records.damages.append(duplicates.get(number) or _line_damage(_line_number(number, faulty), message))


def _line_number(row: int, faulty: Sequence[int]) -> int:
    """Return the line number of a row; lines count from 1, rows from 0 and without lines that are not rows."""
    line = row + 1
    for number in faulty:
        if number > line:
            break
        line += 1
    return line


def _parse(line: bytes) -> Row | str:
    """Parse one line; return the row, or its fault."""
    try:
        row = read_row(line)
        row.to_json()  # it must be writable to the next manifest
    except RowFault as fault:
        return str(fault)
    except ROW_ERRORS as error:
        return f"it is not a row ({error})"
    return fault_of_row(row) or row


def _compare_failures(out: str, failed: bytes) -> Iterator[Damage]:
    """Compare the list of failures with the failed rows of the manifest, which must have the same lines."""
    digest = hashlib.sha256()
    try:
        with open(os.path.join(out, FAILURES_FILE), "rb", opener=regular_nofollow) as file:
            while piece := file.read(PIECE_BYTES):
                digest.update(piece)
    except OSError as error:
        message = "it is missing" if isinstance(error, FileNotFoundError) else f"it cannot be read: {error.strerror}"
        yield Damage(kind="failures", path=FAILURES_FILE, message=message)
        return
    if digest.digest() != failed:
        yield Damage(kind="failures", path=FAILURES_FILE, message="it differs from the failed rows of the manifest")


def _line_damage(number: int, fault: str, row_id: str | None = None, item_id: str | None = None) -> Damage:
    message = f"line {number}: {fault}" if row_id is None else f"line {number} of {MANIFEST_FILE}: {fault}"
    return Damage(kind="manifest", path=MANIFEST_FILE, message=message, id=row_id, item_id=item_id)
