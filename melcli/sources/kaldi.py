"""Read Kaldi data folders: ``wav.scp``, and ``segments``, ``utt2spk`` and ``text`` if they are there."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator
from typing import NamedTuple

from melcli.byte_order import byte_order, text_of
from melcli.errors import ConfigError
from melcli.printable import printable
from melcli.scratch import Scratch
from melcli.sources.records import Record
from melcli.sources.tables.values import channel_of, check_id, check_path, seconds, shown
from melcli.sources.text_lines import text_lines

__all__ = ["is_kaldi_folder", "read_kaldi_folder"]

RECORDINGS, SEGMENTS = "wav.scp", "segments"
CARRIED = {"utt2spk": "speaker", "text": "text"}  # files of one value per utterance, and their columns
END_OF_RECORDING = -1.0

# Kaldi's; other spaces, such as that of CJK, are text.
_SPACE = " \t\r\n"
_SPACES = re.compile(f"[{_SPACE}]+")
_OFFSET = re.compile(r":\d+$", re.ASCII)  # of an object in an archive


class _Recording(NamedTuple):
    place: str
    path: str
    is_command: bool


def is_kaldi_folder(path: str) -> bool:
    """Return whether a folder contains a file ``wav.scp``."""
    return os.path.isfile(os.path.join(path, RECORDINGS))


def read_kaldi_folder(path: str, *, allow_commands: bool, root: str | None = None) -> Iterator[Record]:
    """Yield the segments of a Kaldi data folder, or its recordings if there is no file ``segments``.

    The rules are those of Kaldi's ``extract-segments``: times are truncated to samples, the end -1 is the end of the
    recording, and channels count from 0.  Relative paths start at the current folder, as in Kaldi.  A line that
    Kaldi warns about and skips is refused here.

    ``utt2spk`` and ``text`` become the columns ``speaker`` and ``text``; an utterance that they lack has None.  They
    are read along with the utterances, so each file has to be sorted by its first word, as Kaldi demands.

    Parameters
    ----------
    path : str
        The folder.
    allow_commands : bool
        Whether ``wav.scp`` may contain commands, such as ``sph2pipe -f wav a.sph |``.
    root : str, optional
        Folder that relative paths start at.

    Raises
    ------
    ConfigError
        A file cannot be read or is not sorted, or a line is invalid; the message names the line and the rule.
    """
    files = [(column, os.path.join(path, name)) for name, column in CARRIED.items()]
    carried = [(column, _SortedFile(name)) for column, name in files if os.path.lexists(name)]
    recordings = _recordings(os.path.join(path, RECORDINGS), allow_commands, os.path.join(root, "") if root else "")
    segments = os.path.join(path, SEGMENTS)
    if os.path.lexists(segments):
        pieces = _segments(segments, recordings)
    else:
        pieces = (_whole(key, recording) for key, recording in recordings)
    last = b""
    for record in pieces:
        key = byte_order(record.id)
        if carried and key < last:
            raise _unsorted(record.place)
        last = key
        yield record._replace(columns={column: file.find(key) for column, file in carried})
    for _, file in carried:
        file.finish()


def _whole(key: str, recording: _Recording) -> Record:
    place, path, is_command = recording
    return Record(place, path, key, None, None, None, "truncate", None, is_command, {})


def _segments(file: str, recordings: Iterator[tuple[str, _Recording]]) -> Iterator[Record]:
    """Yield the segments; the recordings are in a scratch database, since segments may name them in any order."""
    with Scratch() as scratch:
        table = _RecordingTable(recordings, scratch)
        for place, line in _lines(file):
            try:
                yield _segment(line, place, table)
            except ConfigError as error:
                raise error.at(printable(place)) from None


def _segment(line: str, place: str, recordings: _RecordingTable) -> Record:
    fields = _SPACES.split(line)
    if len(fields) not in (4, 5):
        raise ConfigError(
            f"the line has {len(fields)} fields: a segment is its name, its recording, start, end and maybe a channel"
        )
    name, key, start, end = fields[:4]
    check_id(name, "segment")
    start_s = seconds("start", start)
    end_s = None if _is_end_of_recording(end) else seconds("end", end)
    if start_s is None or (end_s is not None and end_s <= start_s):
        raise ConfigError(f"start={start} and end={end}: a segment ends after its start, or at -1 for the end")
    channel = channel_of("channel", fields[4]) if len(fields) == 5 else None
    recording = recordings.find(key)
    if recording is None:
        raise ConfigError(f"{printable(key)} is not a recording in {RECORDINGS}")
    return Record(
        place, recording.path, name, start_s, end_s, None, "truncate", channel, recording.is_command, columns={}
    )


def _is_end_of_recording(end: str) -> bool:
    try:
        return float(end) == END_OF_RECORDING
    except ValueError:
        return False


class _RecordingTable:
    """The recordings of a folder, by name.

    Parameters
    ----------
    recordings : iterator
        Names and recordings.
    scratch : Scratch
        The database for them.

    Raises
    ------
    ConfigError
        Two have one name.
    """

    def __init__(self, recordings: Iterator[tuple[str, _Recording]], scratch: Scratch) -> None:
        self._scratch = scratch
        self._table = scratch.table("recordings", "(name BLOB, place BLOB, path BLOB, is_command INTEGER)")
        scratch.insert(f"INSERT INTO {self._table} VALUES (?, ?, ?, ?)", map(_values, recordings))
        scratch.execute(f"CREATE INDEX {self._table}_names ON {self._table} (name)")
        again = scratch.one(f"SELECT name, max(rowid) FROM {self._table} GROUP BY name HAVING count(*) > 1 LIMIT 1")
        if again is not None:
            (place,) = scratch.one(f"SELECT place FROM {self._table} WHERE rowid = ?", (again[1],))
            raise ConfigError(f"{printable(text_of(place))}: a line before has the name {printable(text_of(again[0]))}")
        self._last: tuple[str, _Recording | None] = ("", None)

    def find(self, name: str) -> _Recording | None:
        """Return a recording, or None; segments of one recording are usually next to each other."""
        if self._last[0] != name:
            select = f"SELECT place, path, is_command FROM {self._table} WHERE name = ?"
            row = self._scratch.one(select, (byte_order(name),))
            found = None if row is None else _Recording(text_of(row[0]), text_of(row[1]), bool(row[2]))
            self._last = (name, found)
        return self._last[1]


def _values(named: tuple[str, _Recording]) -> tuple[bytes, bytes, bytes, bool]:
    name, recording = named
    return byte_order(name), byte_order(recording.place), byte_order(recording.path), recording.is_command


def _recordings(file: str, allow_commands: bool, prefix: str) -> Iterator[tuple[str, _Recording]]:
    for place, line in _lines(file):
        try:
            name, path = _first_word(line)
            if not path:
                raise ConfigError(f"{shown('line', line)}: a recording is its name and its path")
            check_id(name, "recording")
            yield name, _recording(path, place, allow_commands, prefix)
        except ConfigError as error:
            raise error.at(printable(place)) from None


def _recording(path: str, place: str, allow_commands: bool, prefix: str) -> _Recording:
    if path.endswith("|"):
        command = path[:-1].strip()
        if not command:
            raise ConfigError("the command before | is empty")
        if not allow_commands:
            raise ConfigError(
                f"{shown('command', command)}: commands of {RECORDINGS} are not run by default",
                hint="read them, and add --allow-commands if you trust the folder",
            )
        return _Recording(place, command, is_command=True)
    if path == "-" or path.startswith("|"):
        raise ConfigError(f"{shown('path', path)}: a recording is a file, or a command that ends in |")
    if _OFFSET.search(path):
        raise ConfigError(
            f"{shown('path', path)}: it is an object in an archive, and melcli reads files of audio",
            hint="write the recordings as files with wav-copy",
        )
    check_path(path, "path")
    return _Recording(place, path if path.startswith("/") else prefix + path, is_command=False)


class _SortedFile:
    """A file with one line per utterance, sorted by their names, that is read along with the utterances.

    Parameters
    ----------
    file : str
    """

    def __init__(self, file: str) -> None:
        self._lines = _lines(file)
        self._last = b""
        self._next = self._read()

    def find(self, key: bytes) -> str | None:
        """Return the rest of the line of an utterance, or None; keys must not descend."""
        line = self._next
        while line is not None and line[0] < key:
            line = self._next = self._read()
        if line is None or line[0] != key:
            return None
        self._next = self._read()
        return line[1]

    def finish(self) -> None:
        """Read the rest, in which only the order matters: a name that is too late was missing before."""
        while self._next is not None:
            self._next = self._read()

    def _read(self) -> tuple[bytes, str] | None:
        place, line = next(self._lines, ("", ""))
        if not line:
            return None
        name, value = _first_word(line)
        key = byte_order(name)
        if key <= self._last:
            if key == self._last:
                raise ConfigError(printable(f"{place}: a line before has the name {name}"))
            raise _unsorted(place)
        self._last = key
        return key, value


def _unsorted(place: str) -> ConfigError:
    file = place.rpartition(":")[0]
    return ConfigError(
        printable(f"{place}: the file is not sorted by the bytes of its first words, as Kaldi demands"),
        hint=printable(f"LC_ALL=C sort -o {shlex.quote(file)} {shlex.quote(file)}"),
    )


def _first_word(line: str) -> tuple[str, str]:
    """Return the first word of a line, and the rest."""
    first, *rest = _SPACES.split(line, 1)
    return first, rest[0] if rest else ""


def _lines(file: str) -> Iterator[tuple[str, str]]:
    """Yield the place of each line that is not empty, and the line without spaces at its ends."""
    for number, line in enumerate(text_lines("Kaldi file", file), 1):
        stripped = line.strip(_SPACE)
        if stripped:
            yield f"{file}:{number}", stripped
