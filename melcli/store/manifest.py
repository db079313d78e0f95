"""The manifest: one JSON object for each item, sorted by id, the truth after a run.

No clock, no host and no worker is written, so the same input gives the same bytes whatever the number of workers and
the order in which they finish.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cache
from itertools import islice
from operator import attrgetter, itemgetter
from typing import Any, BinaryIO, Literal, TypeVar

from melcli.errors import Reason, StorageError
from melcli.opening import regular_only
from melcli.printable import printable
from melcli.store.files import StagedFiles, write_file
from melcli.store.layout import FAILURES_FILE, MANIFEST_FILE
from melcli.store.lines import UTF8, Line, Lines, item_of

__all__ = ["JSON_DECODER", "Row", "has_manifest", "index_manifest", "read_manifest", "write_manifest"]

Taken = TypeVar("Taken")

PIECE_LINES = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What is known of one item: where it came from, what was made of it, or why nothing was.

    Attributes
    ----------
    id : str
        Name under OUT; with ``channels: each`` it ends in ``.ch0``, ``.ch1``, and ``channel`` holds the number.
    source : str
        The input's path as it was given.
    status, reason, message : str
        ``ok``, or ``failed`` with a reason of the closed list and one sentence.
    source_size, source_mtime_ns : int
        Bytes and time of the input before it was read; -1 where it could not be looked at.
    source_hash : str or None
        ``sha256:`` and hex digits, with ``--checksum``.
    source_sampling_rate, source_channels : int or None
        Hertz and channels of the input.
    num_samples, sampling_rate : int or None
        Of the signal that the mel core was given, after resampling.
    num_frames, num_features : int or None
        Frames and mels.
    frame_shift, duration : float or None
        Seconds from frame to frame, and of the signal.
    dtype, path, start, output_size : str or int or None
        Type of the stored numbers; file relative to OUT; first frame in a shard (None in a file of its own);
        bytes of the whole file.
    crc32, min, max, mean : str or float or None
        Of the stored numbers: CRC-32 of their bytes in hex, and their range.
    flags : tuple of str
        What is odd about the input though it is no failure: ``silent``, ``clipped``, ...
    stderr : str or None
        The end of what native libraries printed while it was read, in one printable line.
    config_id : str
        The config that it was made with.
    """

    id: str
    source: str
    status: Literal["ok", "failed"]
    reason: Reason | None = None
    message: str | None = None
    source_size: int
    source_mtime_ns: int
    source_hash: str | None = None
    source_sampling_rate: int | None = None
    source_channels: int | None = None
    channel: int | None = None
    num_samples: int | None = None
    sampling_rate: int | None = None
    num_frames: int | None = None
    num_features: int | None = None
    frame_shift: float | None = None
    duration: float | None = None
    dtype: str | None = None
    path: str | None = None
    start: int | None = None
    output_size: int | None = None
    crc32: str | None = None
    min: float | None = None
    max: float | None = None
    mean: float | None = None
    flags: tuple[str, ...] = ()
    stderr: str | None = None
    config_id: str

    @property
    def item_id(self) -> str:
        """Id of the input that this row came from: the id without its channel."""
        return item_of(self.id, self.channel)

    def to_json(self) -> str:
        """Write the row as one line of JSON; bytes of a name that are not UTF-8 become lone surrogates."""
        return _ENCODER.encode(dict(zip(ROW_FIELDS, _values_of_row(self), strict=True)))

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Row:
        """Read a row from a JSON object; keys of later versions are passed over.

        Raises
        ------
        TypeError, KeyError
            A key is missing: no row of ours.
        """
        flags = tuple(plain["flags"])
        try:
            values = _values_of_plain(plain)
        except KeyError:  # of an earlier version, or no row at all
            row = cls(**{**{name: plain[name] for name in ROW_FIELDS if name in plain}, "flags": flags})
            _refuse_kinds(_values_of_row(row))
            return row
        _refuse_kinds(values)
        row = _make_row(values)
        object.__setattr__(row, "flags", flags)
        return row

    def __reduce__(self) -> tuple[Any, ...]:
        return _make_row, (_values_of_row(self),)


ROW_FIELDS = tuple(field.name for field in fields(Row))

_ENCODER = json.JSONEncoder(separators=(",", ":"), allow_nan=False)


def _refuse_constant(word: str) -> None:
    raise ValueError(f"{word} is no number of JSON")


JSON_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)
_values_of_row = attrgetter(*ROW_FIELDS)
_values_of_plain = itemgetter(*ROW_FIELDS)
_SETTERS = tuple(getattr(Row, name).__set__ for name in ROW_FIELDS)


def _make_row(values: tuple[Any, ...]) -> Row:
    """Make a row of all its values, in order; Row(...) of a frozen dataclass takes 2.5 times as long.

    A manifest of 100,000 lines is read in 0.75 s rather than 1.4.
    """
    row = object.__new__(Row)
    for set_value, value in zip(_SETTERS, values):  # noqa: B905  as many by how both are made; strict took 0.2 us
        set_value(row, value)
    return row


# Kinds of values that were found to be those of a row; a corpus has a few, so that each row costs one look.
_known_kinds: set[tuple[type, ...]] = set()


def _refuse_kinds(values: tuple[Any, ...]) -> None:
    """Refuse what melcli never writes: OUT may come from anybody, and a path that is a number would raise anywhere."""
    kinds = tuple(map(type, values))
    if kinds in _known_kinds:
        return
    for name, kind in zip(ROW_FIELDS, kinds, strict=True):
        if kind not in _kinds_of(name):
            raise TypeError(f"{name} is of type {kind.__name__}")
    _known_kinds.add(kinds)


@cache
def _kinds_of(name: str) -> frozenset[type]:
    """Return the types of one field, as JSON has them."""
    if name == "flags":
        return frozenset({list, tuple})
    words = next(str(field.type) for field in fields(Row) if field.name == name)
    kinds: dict[str, tuple[type, ...]] = {"int": (int,), "float": (float, int), "None": (type(None),)}
    return frozenset(kind for word in words.split(" | ") for kind in kinds.get(word, (str,)))


def read_manifest(out: str) -> Iterator[Row]:
    """Read the rows of OUT one by one; none where there is no manifest yet.

    Raises
    ------
    StorageError
        A line is not a row, with its number.
    """
    return _read(out, lambda plain, start, size: Row.from_plain(plain))


def index_manifest(out: str) -> Lines:
    """Look where the rows of OUT lie; none where there is no manifest yet.

    Raises
    ------
    StorageError
        A line is not a row, with its number.
    """
    lines = Lines()
    for _ in _read(out, lambda plain, start, size: lines.add(_checked(plain), start, size), lines.open):
        pass
    return lines


def has_manifest(out: str) -> bool:
    """Tell whether a run under OUT came to an end."""
    return os.path.isfile(os.path.join(out, MANIFEST_FILE))


def write_manifest(out: str, rows: Iterable[Row | Line], *, in_order: bool = False) -> None:
    """Write the manifest and the list of failures anew; each appears whole under its name.

    Parameters
    ----------
    out : str
        OUT.
    rows : iterable of Row or Line
        In any order.
    in_order : bool
        They come sorted by id and by item id: then none is kept.
    """
    if not in_order:
        rows = sorted(rows, key=lambda row: (row.id, row.item_id))
    failed: list[str] = []
    staged = StagedFiles(out)
    try:
        staged.add(MANIFEST_FILE, _in_pieces(_told(rows, failed)))
        write_file(os.path.join(out, FAILURES_FILE), _in_pieces(failed))
        staged.commit()
    finally:
        staged.discard()


def _read(
    out: str, take: Callable[[Any, int, int], Taken], opened: Callable[[BinaryIO], None] | None = None
) -> Iterator[Taken]:
    """Yield what ``take`` makes of the object in each line, of its first byte, and of its size without the newline."""
    path = os.path.join(out, MANIFEST_FILE)
    number = start = 0
    try:
        with open(path, "rb", opener=regular_only) as file:
            if opened is not None:
                opened(file)
            for number, line in enumerate(file, 1):  # noqa: B007  the message has it
                yield take(JSON_DECODER.decode(line.decode(*UTF8)), start, len(line) - line.endswith(b"\n"))
                start += len(line)
    except FileNotFoundError:
        return
    except OSError as error:
        raise StorageError(f"cannot read {printable(path)}: {error.strerror}") from error
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
        raise StorageError(
            f"{printable(path)}:{number}: not a row of a manifest ({printable(str(error))}); "
            f"`melcli verify {printable(out)} --repair` takes it out"
        ) from error


def _checked(plain: Any) -> Mapping[str, Any]:
    """Hold an object against the keys of a row, as `Row.from_plain` does."""
    try:
        _refuse_kinds(_values_of_plain(plain))
    except KeyError:
        Row.from_plain(plain)
    checked: Mapping[str, Any] = plain
    return checked


def _told(rows: Iterable[Row | Line], failed: list[str]) -> Iterator[str]:
    for row in rows:
        text = row.to_json()
        if row.status == "failed":
            failed.append(text)
        yield text


def _in_pieces(texts: Iterable[str]) -> Iterator[bytes]:
    """Join lines to pieces; to write each by itself took as long as to make it."""
    rest = iter(texts)
    while piece := list(islice(rest, PIECE_LINES)):
        yield ("\n".join(piece) + "\n").encode(*UTF8)
