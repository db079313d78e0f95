"""Read manifest and journal for ``melcli verify``: invalid lines are reported and skipped.

Of a row only its place is kept, in a scratch database (see `melcli.store.lines`), so that memory stays small.
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
from melcli.store.history import PLACE, History, read_history
from melcli.store.journal import PlannedShard, start_journal_anew
from melcli.store.layout import FAILURES_FILE, JOURNAL_NAME, MANIFEST_FILE
from melcli.store.lines import Line, Lines
from melcli.store.manifest import write_manifest
from melcli.store.rows import NO_ROW, FailedRow, OkRow, Row, RowFault, read_row
from melcli.store.validity import fault_of_row

__all__ = ["Books", "read_books"]

LONGEST_LINE_BYTES = 1 << 24  # a row is a few hundred bytes, with the longest of names some 50,000
PIECE_BYTES = 1 << 20


class Books:
    """What manifest and journal say, with what is wrong with manifest and list of failures.

    Attributes
    ----------
    out : str
        OUT.
    history : History
        Of the journal's rows, which replace the manifest's.
    damages : list of Damage
        Of journal, manifest and list of failures.
    has_manifest : bool
        Whether there is a manifest, be it damaged.
    """

    def __init__(self, out: str, history: History) -> None:
        self.out = out
        self.history = history
        self.damages: list[Damage] = []
        self.has_manifest = True
        self.scratch = history.journal.scratch
        self.manifest = Lines(self.scratch)
        self._dropped: set[int] = set()  # numbers of rows that are there twice

    def refs(self, keep: Callable[[str], bool] = lambda item_id: True) -> Iterator[int]:
        """Yield what `row` takes, for the newest rows of every input to keep; without those that are there twice."""
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
        """Read one row that `row` gave before as `OkRow`."""
        row = self.row(ref)
        if not isinstance(row, OkRow):
            raise TypeError(f"the row of {row.id!r} is not the row of an output")
        return row

    def close(self) -> None:
        """Close the files that rows are read from."""
        self.manifest.close()
        self.history.journal.close()

    def repair(self, damaged: Mapping[str, Damage], shards: Sequence[PlannedShard] = ()) -> None:
        """Write manifest and list of failures again, without what is no row, and with items that are damaged as failed.

        The journal is taken into the manifest; the plan of the shards that its run meant to write stays.

        Parameters
        ----------
        damaged : mapping of str to Damage
            By the id of the input.
        shards : sequence of PlannedShard
            That are to be made again.

        Raises
        ------
        StorageError
            OUT cannot be written; the books that were there stay.
        """
        newer = self.history.journal.lookup()
        manifest, journal = self.manifest.in_order(skip=self._dropped), self.history.journal.in_order(newest=True)
        older = (line for line in manifest if newer.find(line.item_id) is None)
        lines = (line for line in merge(older, journal, key=PLACE) if text_of(line.item_id) not in damaged)
        failed = (row.to_line() for row in self._failed(damaged))
        merged: Iterator[Line] = merge(lines, failed, key=PLACE)
        write_manifest(self.out, merged, in_order=True)
        start_journal_anew(self.out, [*self.history.unmade(), *shards])

    def _failed(self, damaged: Mapping[str, Damage]) -> list[FailedRow]:
        """Return a failed row for each input that is damaged, sorted by id: for all of its channels one."""
        rows = {row.item_id: row for row in map(self.row, self.refs(damaged.__contains__))}
        item_ids = ids_in_order(rows)
        return [_damaged_row(rows[item_id], damaged[item_id]) for item_id in item_ids]

    def drop(self, numbers: Collection[int]) -> None:
        """Take rows of the manifest for none."""
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
    )


def read_books(out: str, scratch: Scratch) -> Books:
    """Read what OUT says of itself, as far as it can be read.

    Parameters
    ----------
    out : str
        OUT.
    scratch : Scratch
        Holds where the rows are.

    Raises
    ------
    StorageError
        A book cannot be opened though it is there.
    """
    faults: list[str] = []
    books = Books(out, read_history(out, scratch, faults.append))
    books.damages += (Damage(kind="journal", path=JOURNAL_NAME, message=fault) for fault in faults)
    with ExitStack() as opened:
        opened.callback(books.close)
        _read_books(books)
        opened.pop_all()
    return books


def _read_books(books: Books) -> None:
    out = books.out
    try:
        with open(os.path.join(out, MANIFEST_FILE), "rb", opener=regular_nofollow) as file:
            failed = _read_manifest(books, file)
    except FileNotFoundError:
        books.has_manifest = False
        return
    except NotRegular as error:
        books.damages.append(Damage(kind="manifest", path=MANIFEST_FILE, message=error.strerror or ""))
        return
    except OSError as error:  # to write it again would lose what it says
        raise StorageError(f"cannot read {printable(os.path.join(out, MANIFEST_FILE))}: {error.strerror}") from error
    if not any(damage.kind == "manifest" for damage in books.damages):
        books.damages.extend(_compare_failures(out, failed))


def _read_manifest(books: Books, file: BinaryIO) -> bytes:
    """Take the rows of a manifest; return the digest of its failed ones."""
    books.manifest.open(file)
    failed = hashlib.sha256()
    before = (b"", b"")
    faulty: list[int] = []  # numbers of lines that are no rows
    misplaced: set[int] = set()  # numbers of rows
    start = 0
    for number, line in enumerate(iter(lambda: file.readline(LONGEST_LINE_BYTES), b""), 1):
        row = _parse(line)
        if isinstance(row, str):
            faulty.append(number)
            books.damages.append(_line_damage(number, row))
        else:
            size = len(line) - line.endswith(b"\n")
            place = byte_order(row.id), byte_order(row.item_id)
            if place <= before:
                misplaced.add(len(books.manifest))
            before = place
            books.manifest.add(row.id, row.channel, row.status == "failed", start, size)
            if row.status == "failed":
                failed.update(line[:size] + b"\n")
        start += len(line)
    if misplaced:
        _tell_misplaced(books, misplaced, faulty)
    return failed.digest()


def _tell_misplaced(books: Books, misplaced: set[int], faulty: Sequence[int]) -> None:
    """Name the rows that are there twice and those that are not in their place; of the former none counts."""
    doubles: dict[int, Damage] = {}
    seen: set[tuple[bytes, bytes]] = set()
    dropped = []
    for number, row_id, item_id in books.manifest.doubles():
        dropped.append(number)
        if (row_id, item_id) in seen:
            line = _line_number(number, faulty)
            doubles[number] = _line_damage(line, "its item stands twice", text_of(row_id), text_of(item_id))
        seen.add((row_id, item_id))
    books.drop(dropped)
    said = "it is not in its place: lines are sorted by the ids' bytes"
    for number in sorted(misplaced | doubles.keys()):
        books.damages.append(doubles.get(number) or _line_damage(_line_number(number, faulty), said))


def _line_number(row: int, faulty: Sequence[int]) -> int:
    """Return the line of a row; lines count from 1, rows from 0, and lines that are no rows are not among them."""
    line = row + 1
    for number in faulty:
        if number > line:
            break
        line += 1
    return line


def _parse(line: bytes) -> Row | str:
    """Read one line; return the row, or what is wrong with it."""
    try:
        row = read_row(line)
        row.to_json()  # it has to go into the next manifest
    except RowFault as fault:
        return str(fault)
    except NO_ROW as error:
        return f"it is no row ({error})"
    return fault_of_row(row) or row


def _compare_failures(out: str, failed: bytes) -> Iterator[Damage]:
    """Hold the list of failures against the failed rows of the manifest: both are written of the same lines."""
    digest = hashlib.sha256()
    try:
        with open(os.path.join(out, FAILURES_FILE), "rb", opener=regular_nofollow) as file:
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
