"""Fuzz targets, one for each kind of input: each takes any bytes, and raises only if a promise is broken.

The result must be a value or one of melcli's own errors, as one printable line; any other exception is a find.  So is
an input that takes more than a second, or a process over 600 MB.  `tests.fuzz.__main__` and, for HDF5,
`tests.fuzz.hdf5_process` check these limits.
"""

from __future__ import annotations

import contextlib
import json
import marshal
import math
import os
import shutil
import tempfile
import weakref
import zlib
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, Literal

import numpy as np

from melcli.audio.containers import examine
from melcli.audio.ffmpeg.failure import Ended, failure, incompleteness
from melcli.audio.ffmpeg.media import media_end
from melcli.audio.ffmpeg.messages import Messages
from melcli.audio.load import AudioStream
from melcli.audio.mpeg import MpegEnding, with_frames
from melcli.audio.options import AudioOptions
from melcli.audio.undecoded import HEAD_BYTES, describe
from melcli.audio.view import Extent, View
from melcli.audio.views import views
from melcli.config.config import Config
from melcli.config.resolve import resolve_config
from melcli.config.yaml_document import read_document
from melcli.errors import REASONS, AudioError, ConfigError, MelcliError, StorageError
from melcli.normalizers.reading import read_normalizers
from melcli.printable import printable
from melcli.run.limits import Limits
from melcli.run.plan import Rerun, make_plan
from melcli.run.retry_conditions import Conditions
from melcli.scratch import Scratch
from melcli.sources.item_table import ItemTable
from melcli.sources.item_values import item_values
from melcli.sources.items import Item
from melcli.sources.kaldi import read_kaldi_folder
from melcli.sources.lists import read_list
from melcli.sources.names import item_id, listed_name
from melcli.sources.options import SourceOptions
from melcli.sources.records import Record
from melcli.sources.selection import Selection
from melcli.sources.tables.options import TableOptions
from melcli.sources.tables.reader import read_table
from melcli.sources.tables.request import FORMATS
from melcli.store.entries import Entry, read_entries
from melcli.store.foreign_arrays import open_arrays
from melcli.store.history import History, read_history
from melcli.store.journal import Journal
from melcli.store.layout import refuse_names
from melcli.store.npy import read_npy
from melcli.store.recovery import read_records
from melcli.store.rows import BOUNDS_FIELDS, Row, bounds_text, columns_text, row_of
from tests.fuzz.hdf5_process import ask
from tests.store.rows import ODD_IDS, journal_of, make_row, read_manifest
from tests.store.stores import stored_files

__all__ = ["TARGETS", "Target", "overwritten", "true_journal"]

Target = Callable[[bytes], None]

MOST_READS = 5000  # of a container's bytes, before the decoder sees it
MOST_SAMPLES = 4_000_000  # decoded per input; blocks do not grow with the length
RATE_HZ = 8_000
STORED_SHAPE = (3, 4)
EXTENSIONS = (".npz", ".npy", ".json", ".ark", ".mvn")  # of files with means and deviations


# Allowed errors.


@contextlib.contextmanager
def _allowed(*kinds: type[MelcliError]) -> Iterator[None]:
    """Allow errors of these classes, if their messages are printable."""
    try:
        yield
    except kinds as error:
        _hold_to_promise(error)


def _hold_to_promise(error: MelcliError) -> None:
    said = str(error)
    assert said, "an error without a word"
    assert printable(said) == said, f"not one printable line: {said!r}"
    if isinstance(error, AudioError):
        assert error.reason in REASONS, error.reason
        assert error.message, "an error without a word"


# Temporary files.


@cache
def _scratch() -> str:
    """Return a folder of this process, in memory if possible."""
    memory = "/dev/shm"
    folder = tempfile.mkdtemp(prefix="melcli-fuzz-", dir=memory if os.path.isdir(memory) else None)
    weakref.finalize(_scratch, shutil.rmtree, folder, ignore_errors=True)
    return folder


def _file(name: str, data: bytes) -> str:
    path = os.path.join(_scratch(), name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(data)
    return path


# audio


def containers(data: bytes) -> None:
    """Find the end of a file by its container, without decoding."""
    num_reads = 0

    def read(offset: int, size: int) -> bytes:
        nonlocal num_reads
        num_reads += 1
        assert num_reads <= MOST_READS, "reads without an end"
        assert 0 <= offset < 2**63, "an offset that pread refuses"
        assert 0 <= size <= 2**20, "a piece of the size that the file claims"
        return data[offset : offset + size]

    ending = examine(read, len(data))
    if isinstance(ending, MpegEnding):
        with _allowed(AudioError):
            ending = with_frames(read, ending)
    if ending is not None:
        assert ending.format
        assert printable(ending.shortfall) == ending.shortfall
    with _allowed(AudioError):
        for view in views(read, len(data), ending, opus_rate="header") or ():
            _view_holds(view, len(data))
    if data:
        assert describe(data[:HEAD_BYTES]).name.isprintable()


def _view_holds(view: View, file_size: int) -> None:
    """Check that a view shows parts of the file."""
    assert view.pieces
    for piece in view.pieces:
        if isinstance(piece, Extent):
            assert 0 <= piece.offset <= piece.offset + piece.size <= file_size, "a piece outside of the file"
    shown = sum(len(piece) if isinstance(piece, bytes) else piece.size for piece in view.pieces)
    assert view.claimed_size is None or view.claimed_size >= shown
    assert view.skip_samples >= 0
    assert view.num_samples is None or view.num_samples >= 0


def decode(data: bytes) -> None:
    """Decode, mix and resample as `extract` does; ``truncated="keep"`` must not change intact files."""
    path = _file("a.wav", data)
    strict = _decoded(path, "fail")
    kept = _decoded(path, "keep")
    if strict is not None:
        assert kept == strict, "another signal, because truncated files are kept"
    elif kept is not None:
        assert "truncated" in kept[1], "a refused file is kept, and its row does not say so"


def media(data: bytes) -> None:
    """Read the header of a file for ffmpeg, and the same bytes as messages of ffmpeg."""
    num_reads = 0

    def read(offset: int, size: int) -> bytes:
        nonlocal num_reads
        num_reads += 1
        assert num_reads <= MOST_READS, "reads without an end"
        assert 0 <= offset < 2**63, "an offset that pread refuses"
        assert 0 <= size <= 2**20, "a piece of the size that the file claims"
        return data[offset : offset + size]

    end = media_end(read, len(data))
    assert printable(end.shortfall) == end.shortfall
    assert all(track.duration_s is None or track.duration_s >= 0 for track in end.tracks)
    messages = Messages(data.decode("utf-8", "backslashreplace"))
    for text in (messages.tail(), messages.version, *(problem.text for problem in messages.problems)):
        assert printable(text) == text
    ended = Ended(
        path="ffmpeg", messages=messages, media=end, stream=0, exit_code=1, is_media=bool(data), seconds=len(data) / 9
    )
    with _allowed(AudioError), contextlib.suppress(MemoryError):
        raise failure(ended)
    with _allowed(AudioError):
        error = incompleteness(ended, messages.claimed_s(0), RATE_HZ)
        if error is not None:
            raise error


def _decoded(path: str, truncated: Literal["fail", "keep"]) -> tuple[int, tuple[str, ...]] | None:
    """Return the number of decoded samples and the flags; None for a file that is refused."""
    options = AudioOptions(truncated=truncated, decoder="libsndfile")
    with (
        _allowed(AudioError),
        AudioStream(path, options, sampling_rate=RATE_HZ, dtype="float32") as stream,
    ):
        num_samples = 0
        for block in stream.blocks():
            assert block.ndim == 2
            assert block.dtype == np.float32
            assert 0 < len(block) <= 2**20, "a block that grows with the file"
            assert np.isfinite(block).all()
            num_samples += len(block)
            if num_samples > MOST_SAMPLES:
                return None
        assert num_samples == stream.num_samples > 0
        assert set(stream.flags) <= {"clipped", "misnamed", "silent", "silent_mix", "truncated", "truncated_header"}
        return num_samples, stream.flags
    return None


# configs


def document(data: bytes) -> None:
    """Read YAML: refuse it, or return settings with their line numbers."""
    with _allowed(ConfigError):
        for key, setting in read_document(data.decode("utf-8", "replace"), "a.yaml").items():
            assert isinstance(key, str)
            assert setting.origin.startswith("a.yaml:")


def config(data: bytes) -> None:
    """Resolve a file: refuse it, or return a config that is the same after writing and reading."""
    path = _file("a.yaml", data)
    with _allowed(ConfigError):
        _held(resolve_config(path))


def sets(data: bytes) -> None:
    """Resolve ``--set`` and the environment, split at NUL: every second one is for the environment."""
    words = [os.fsdecode(word) for word in data.split(b"\0")]
    environ = dict(word.partition("=")[::2] for word in words[1::2])
    with _allowed(ConfigError):
        _held(
            resolve_config("keras", sets=words[::2], environ={f"MELCLI_{key}": text for key, text in environ.items()})
        )


def _held(made: Config) -> None:
    json.dumps(made.plain(), allow_nan=False)
    again = resolve_config(_file("again.yaml", made.to_yaml(show_origins=True).encode()))
    assert again == made
    assert again.config_id == made.config_id


# Manifest and journal.


def journal_damage(data: bytes) -> None:
    """Read a journal that was cut and overwritten: the result may lack rows, but never contains a false one."""
    whole, rows = true_journal()
    out = _out_with_journal(overwritten(whole, data))
    with _allowed(StorageError):
        found, shards = journal_of(out) or ([], [])
        assert all(row in rows for row in found), "a row that nobody wrote"
        assert not shards


def journal(data: bytes) -> None:
    """Read a journal of any lines with correct checksums, since OUT may be untrusted."""
    lines = (b'{"crc32":"%08x",%b\n' % (zlib.crc32(line), line) for line in data.split(b"\n"))
    out = _out_with_journal(b"".join(lines))
    with _allowed(StorageError):
        _books_hold(out)
    with _allowed(StorageError), Journal(out) as book:
        book.add(rows=[make_row("last")])


def manifest(data: bytes) -> None:
    """Read any manifest as `verify`, `status` and `extract` do, and write it again."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(os.path.join(_scratch(), ".melcli/journal.jsonl"))
    _file("manifest.jsonl", data)
    with _allowed(StorageError):
        _verify_reads(_scratch())
    with _allowed(StorageError):
        rows = list(read_manifest(_scratch()))
        for row, entry in zip(rows, read_entries(_scratch()), strict=True):
            same = set(Entry._fields[:-2]) - {"bounds", "columns"}
            assert all(getattr(entry, name) == getattr(row, name, None) for name in same)
            known = json.loads(row.to_json())
            known |= dict.fromkeys({*BOUNDS_FIELDS, "columns"} - known.keys())
            assert (entry.bounds, entry.columns) == (bounds_text(known), columns_text(known))
        _books_hold(_scratch())
        if len({row.id for row in rows}) == len(rows):
            assert sorted(read_manifest(_scratch()), key=lambda row: row.id) == sorted(rows, key=lambda row: row.id)


def _verify_reads(out: str) -> None:
    """Read manifest and journal with their damages, which must be printable lines, and all rows."""
    with Scratch() as scratch:
        books = read_records(out, scratch)
        for damage in books.damages:
            assert printable(damage.sentence()) == damage.sentence()
            json.dumps(damage.plain(), allow_nan=False)
        for ref in books.refs():
            assert row_of(json.loads(books.row(ref).to_json())) == books.row(ref)


def _books_hold(out: str) -> None:
    """Use manifest and journal as a run does."""
    with Scratch() as scratch:
        history = read_history(out, scratch)
        _plan_holds(history, scratch)
        for entry in history.entries():
            assert isinstance(entry.item_id, str)
            row = row_of(json.loads(entry.text))
            assert row_of(json.loads(row.to_json())) == row
        assert history.next_shard() >= 0
        history.write_manifest()


def _plan_holds(history: History, scratch: Scratch) -> None:
    """Plan a run in which no input changed: each item gets a sign."""
    items = (Item(row.item_id, row.source, min(row.source_size, 1 << 60), 1) for row in history.entries())
    found = ItemTable([list(map(item_values, items))], scratch)
    for stored_as in ("npy", "hdf5"):
        plan = make_plan(
            found,
            history.entries,
            config_id=make_row().config_id,
            stored=stored_files(history.out, stored_as, {shard.number for shard in history.unmade()}),
            rerun=Rerun(),
            hash_content=lambda path: "",
            conditions_differ=Conditions(Limits()).differ,
        )
        assert [item_id for item_id, _ in plan.signs()] == list(found.ids)
        assert plan.counts().keys() <= set("+*=!")


@cache
def true_journal() -> tuple[bytes, list[Row]]:
    """Return the bytes of a journal with one row per line, and the rows."""
    rows = [make_row(name) for name in ODD_IDS]
    out = _out_with_journal(b"")
    with Journal(out) as book:
        for row in rows:
            book.add(rows=[row])
    with open(os.path.join(out, ".melcli/journal.jsonl"), "rb") as file:
        return file.read(), rows


def _out_with_journal(data: bytes) -> str:
    _file("manifest.jsonl", b"")
    _file(".melcli/journal.jsonl", data)
    return _scratch()


def overwritten(whole: bytes, program: bytes) -> bytes:
    """Apply a program of steps: a position (two bytes), the number of bytes to remove, and the bytes to insert."""
    damaged = bytearray(whole)
    while len(program) >= 4:
        place = int.from_bytes(program[:2], "big") % (len(damaged) + 1)
        goes, comes = program[2], program[3]
        damaged[place : place + goes] = program[4 : 4 + comes]
        program = program[4 + comes :]
    return bytes(damaged)


# features


def stored_npy(data: bytes) -> None:
    """Read a file that the manifest lists: it has exactly those numbers, or is refused."""
    path = _file("a.npy", data)
    try:
        numbers = read_npy(path, np.dtype("<f4"), [STORED_SHAPE, STORED_SHAPE[::-1]])
    except ValueError:
        return
    assert numbers.shape in (STORED_SHAPE, STORED_SHAPE[::-1])
    assert data.endswith(numbers.tobytes())


def npy(data: bytes) -> None:
    """Read an untrusted ``.npy`` file."""
    _read_arrays(_file("a.npy", data))


def npz(data: bytes) -> None:
    """Read an untrusted ``.npz`` file."""
    _read_arrays(_file("a.npz", data))


def _read_arrays(path: str) -> None:
    with _allowed(StorageError):
        opened = open_arrays(path)
        try:
            for name in opened.names:
                with _allowed(StorageError):
                    assert opened.read(name).dtype.kind in "fiu"
        finally:
            opened.close()


def normalizers(data: bytes) -> None:
    """Read means and deviations: the first byte selects the extension."""
    path = _file(f"a{EXTENSIONS[data[0] % len(EXTENSIONS)]}" if data else "a.npz", data[1:])
    with _allowed(ConfigError):
        found = read_normalizers(path)
        for each in (*filter(None, [found.total]), *found.groups.values()):
            assert len(each.mean) == len(each.std) > 0
            assert all(map(math.isfinite, each.mean))
            assert all(0 < std < math.inf for std in each.std)


def hdf5(data: bytes) -> None:
    """Read a shard, as one of OUT and as an untrusted file, in a separate process that libhdf5 may crash."""
    said = ask(_file("a.h5", data))
    assert not said, said


# names


def lists(data: bytes) -> None:
    """Read lists of inputs: names are kept byte for byte."""
    path = _file("list", data)
    for separator in (b"\n", b"\0"):
        with _allowed(ConfigError):
            names = list(read_list(path, separator))
            assert "" not in names
            written = separator.join(map(os.fsencode, names))
            assert written in data.replace(separator * 2, separator) or separator == b"\n" or b"\0\0" in data
            assert all(os.fsencode(name) in data for name in names) or separator == b"\n"


def tables(data: bytes) -> None:
    """Read a table; the first line has the format, the template and the columns, with tabs between them."""
    first, _, table = data.partition(b"\n")
    words = os.fsdecode(first).split("\t")
    path = _file("a.table", table)
    with _allowed(ConfigError):
        options = TableOptions(
            tables=(path,),
            table_format=next((name for name in FORMATS if name == words[0]), None),
            path_template=words[1] if len(words) > 1 and words[1] else None,
            columns=tuple(words[2:]),
        )
        for request in options.requests(keep_extension=len(words) % 2 == 0):
            _records_hold(read_table(request), path)


def kaldi(data: bytes) -> None:
    """Read a Kaldi data folder: the files are divided by NUL, and one without bytes is missing."""
    folder = os.path.join(_scratch(), "kaldi")
    contents = [*data.split(b"\0"), b"", b"", b""]
    for name, content in zip(("wav.scp", "segments", "utt2spk", "text"), contents, strict=False):
        if content or name == "wav.scp":
            _file(f"kaldi/{name}", content)
        else:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(os.path.join(folder, name))
    for allow_commands in (False, True):
        with _allowed(ConfigError):
            _records_hold(read_kaldi_folder(folder, allow_commands=allow_commands), folder)


def _records_hold(records: Iterator[Record], where: str) -> None:
    for record in records:
        plain: Any = tuple(record)
        marshal.dumps(plain)
        json.dumps(record.columns, allow_nan=False)
        assert record.place.startswith(where)
        assert record.path
        assert b"\0" not in os.fsencode(record.path)
        assert b"\0" not in os.fsencode(record.id)
        assert {"", ".", ".."}.isdisjoint(record.id.split("/"))
        assert record.channel is None or record.channel >= 0
        if record.start_s is None:
            assert record.end_s is record.duration_s is None
        else:
            assert 0 <= record.start_s < (math.inf if record.end_s is None else record.end_s) <= math.inf
            assert record.end_s is None or record.duration_s is None
            assert record.duration_s is None or 0 < record.duration_s < math.inf


def names(data: bytes) -> None:
    """Print any name, and derive its path below OUT."""
    name = os.fsdecode(data)
    shown = printable(name)
    assert shown.encode("utf-8").decode("utf-8").splitlines() in ([shown], [])
    assert printable(shown) == shown
    assert not any(ord(character) < 0x20 or 0x7F <= ord(character) < 0xA0 for character in shown)
    if b"\0" not in data:
        listed = listed_name(name)
        assert not listed.startswith("/")
        assert not {".", ".."} & set(listed.split("/"))
        assert item_id(listed, keep_extension=True) == listed
        with _allowed(ConfigError):
            refuse_names([item_id(listed, keep_extension=False), item_id(listed, keep_extension=True)], "npy")


def globs(data: bytes) -> None:
    """Match a name (the first line) against globs (the other lines)."""
    name, *given = (os.fsdecode(line) for line in data.split(b"\n"))
    with _allowed(ConfigError):
        selection = Selection(SourceOptions(include=tuple(given[::2]), exclude=tuple(given[1::2])))
        assert selection.selects(name) in {True, False}
        assert selection.selects_named(name) in {True, False}
        if selection.excludes(name):
            assert selection.excludes_path(name) or not name


TARGETS: dict[str, Target] = {
    target.__name__: target
    for target in (
        *(containers, decode, media),
        *(document, config, sets),
        *(journal_damage, journal, manifest),
        *(stored_npy, npy, npz, normalizers, hdf5),
        *(lists, tables, kaldi, names, globs),
    )
}
