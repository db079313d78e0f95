"""Read the lines of a text file: UTF-8, with any line ends, which may be compressed by gzip."""

from __future__ import annotations

import codecs
import io
import os
import shlex
import zlib
from collections.abc import Iterator
from itertools import chain

from melcli.errors import ConfigError
from melcli.printable import printable
from melcli.sources.byte_pieces import name_of, read_pieces

__all__ = ["MAX_LINE_BYTES", "text_lines"]

MAX_LINE_BYTES = 1 << 22  # the transcript of a recording of 10 hours has 0.5 MB
MAX_FILE_BYTES = 1 << 36  # decompressed; a longer file is an endless stream
MAX_PIECE_BYTES = 1 << 20  # decompressed at a time
GZIP_MAGIC = b"\x1f\x8b"
_GZIP = 16 + zlib.MAX_WBITS
# Other files by their first bytes, with a command that makes text of them.
_NOT_TEXT = {
    b"\x28\xb5\x2f\xfd": ("zstd data", "zstd -dc {}"),
    b"\xfd7zXZ\0": ("xz data", "xz -dc {}"),
    b"BZh": ("bzip2 data", "bzip2 -dc {}"),
    codecs.BOM_UTF16_LE: ("UTF-16 text", "iconv -f UTF-16 -t UTF-8 {}"),
    codecs.BOM_UTF16_BE: ("UTF-16 text", "iconv -f UTF-16 -t UTF-8 {}"),
    b"PAR1": ("a Parquet file", ""),
    b"PK\3\4": ("a spreadsheet or another ZIP file", ""),
}
MAGIC_BYTES = max(map(len, _NOT_TEXT))


def text_lines(what: str, path: str) -> Iterator[str]:
    r"""Yield the lines of a text file with their ends, ``\n``, ``\r\n`` or ``\r``.

    Parameters
    ----------
    what : str
        The meaning of the file, such as ``table``.
    path : str
        As for `melcli.sources.byte_pieces.read_pieces`.

    Yields
    ------
    str
        As `os.fsdecode` returns it, so bytes that are not UTF-8 are preserved.  A leading byte order mark is dropped.

    Raises
    ------
    ConfigError
        The file cannot be read, is not text, or has a line of more than `MAX_LINE_BYTES`.
    """
    where = printable(name_of(path))
    num_bytes = 0
    rest = b""
    for piece in _plain_pieces(read_pieces(what, path), path, where):
        num_bytes += len(piece)
        if b"\0" in piece:
            raise ConfigError(f"{where}: it contains a NUL: a {what} is text")
        if num_bytes > MAX_FILE_BYTES:
            raise ConfigError(f"{where}: the {what} has more than {MAX_FILE_BYTES:,} bytes, the maximum")
        whole, end, after = piece.rpartition(b"\n")
        if not end:
            rest += piece
        else:
            yield from io.StringIO(os.fsdecode(rest + whole + end), newline="")
            rest = after
        if len(rest) > MAX_LINE_BYTES:
            raise ConfigError(f"{where}: a line has more than {MAX_LINE_BYTES:,} bytes, the maximum")
    yield from io.StringIO(os.fsdecode(rest), newline="")


def _plain_pieces(pieces: Iterator[bytes], path: str, where: str) -> Iterator[bytes]:
    """Decompress if necessary, and drop a byte order mark."""
    first = _first_bytes(pieces)
    if first.startswith(GZIP_MAGIC):
        pieces = _decompressed(chain([first], pieces), where)
        first = _first_bytes(pieces)
    _refuse_other_data(first, path, where)
    yield first.removeprefix(codecs.BOM_UTF8)
    yield from pieces


def _first_bytes(pieces: Iterator[bytes]) -> bytes:
    """Return enough bytes for `_NOT_TEXT`, or all: the first read of a pipe may return one byte."""
    first = b""
    for piece in pieces:
        first += piece
        if len(first) >= MAGIC_BYTES:
            break
    return first


def _refuse_other_data(first: bytes, path: str, where: str) -> None:
    for magic, (name, command) in _NOT_TEXT.items():
        if first.startswith(magic):
            hint = f"{command.format('FILE' if path == '-' else shlex.quote(path))} | melcli extract --table - ..."
            text = f"{where}: it is {name}, not text in UTF-8"
            raise ConfigError(text, hint=printable(hint) if command else "export it as CSV or JSON lines")


def _decompressed(pieces: Iterator[bytes], where: str) -> Iterator[bytes]:
    """Decompress the members of a gzip file; zeros behind the last one are padding."""
    member = zlib.decompressobj(_GZIP)
    begun = False  # whether the current member has any bytes
    try:
        for piece in pieces:
            while piece:
                if member.eof:
                    piece = piece.lstrip(b"\0")
                    if not piece:
                        break
                    member = zlib.decompressobj(_GZIP)
                begun = True
                plain = member.decompress(piece, MAX_PIECE_BYTES)
                piece = member.unused_data if member.eof else member.unconsumed_tail
                if plain:
                    yield plain
    except zlib.error as error:
        raise ConfigError(f"{where}: the gzip data is damaged: {error}") from error
    if begun and not member.eof:
        raise ConfigError(f"{where}: the gzip data is truncated")
