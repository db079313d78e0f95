"""Recognize lists that are not lists of paths: JSON, Kaldi's wav.scp and tables.

Only the first line is judged, and only if no file has it as its name.
"""

from __future__ import annotations

import json
import os
import re
import shlex

from melcli.errors import ConfigError
from melcli.printable import printable
from melcli.sources.names import AUDIO_EXTENSIONS, UNDECODED_EXTENSIONS, extension
from melcli.sources.tables.column_names import is_usual_name
from melcli.sources.tables.request import FORMAT_BY_EXTENSION, Format

__all__ = ["refuse_other_formats"]

_OTHER_PATH_WORDS = {"paths", "source", "src", "location", "clip", "recording"}  # beside the usual names of a path
_FORMATS: dict[str, Format] = {"\t": "tsv", "|": "pipe", ",": "csv", ";": "csv"}  # of separators
_AUDIO = AUDIO_EXTENSIONS | UNDECODED_EXTENSIONS

Found = tuple[str, str]  # what it is, and what to do


def refuse_other_formats(line: bytes, where: str, *, path: str) -> None:
    """Refuse a list whose first line is no path.

    Parameters
    ----------
    line : bytes
        The first line.
    where : str
        The name of the list, for the message.
    path : str
        The name of the list, for the hint.

    Raises
    ------
    ConfigError
        It is a line of another format; the hint is a command that reads it.
    """
    text = os.fsdecode(line).strip()
    found = _json(text, path) or _kaldi(text, path) or _table(text, path)
    if found is None or os.path.lexists(text):
        return
    what, hint = found
    raise ConfigError(f"{where}:1: it is {what}, not a path", hint=printable(hint))


def _json(text: str, path: str) -> Found | None:
    if text[:1] not in ("{", "["):
        return None
    rows = f"jq -c '.[]' {_file(path)} | {_command('-', 'jsonl')}"
    try:
        value = json.loads(text)
    except ValueError:
        # The first line of an indented document.
        return ("the start of a JSON document", rows) if text in ("{", "[", "[{") else None
    except RecursionError:
        return None
    if isinstance(value, list):
        nested = any(isinstance(item, dict) for item in value)
        return "a JSON array", rows if nested else f"jq -r '.[]' {_file(path)} | melcli extract --files-from - ..."
    texts = [key for key, content in value.items() if isinstance(content, str)]
    return "a JSON object", _command(path, "jsonl", _path_option(texts, [value[key] for key in texts]))


def _kaldi(text: str, path: str) -> Found | None:
    """Recognize ``utterance path`` and ``utterance command |``."""
    parts = re.fullmatch(r"([^\s/,|]+)[ \t]+(\S.*)", text)
    if parts is None or _is_audio_name(parts[1]):
        return None
    is_command = parts[2].endswith("|")
    is_path = parts[2].startswith("/") or os.path.lexists(parts[2])
    if not is_command and (not is_path or "\t" in text):
        return None
    if os.path.basename(path) == "wav.scp":
        folder = _quoted(os.path.dirname(path) or ".")
        hint = f"melcli extract {folder}{' --allow-commands' if is_command else ''} ..."
    else:
        hint = "name it wav.scp in a folder of its own, and give the folder as INPUT"
    return f"a line of Kaldi's wav.scp{' with a command' if is_command else ''}", hint


def _table(text: str, path: str) -> Found | None:
    for separator, format in _FORMATS.items():
        cells = [cell.strip().strip('"') for cell in text.split(separator)]
        if len(cells) < 2:
            continue
        if any(map(_is_path_word, cells)):
            return "the header of a table", _command(path, format, _path_option(cells, cells))
        if any(_is_audio_name(cell) and os.path.lexists(cell) for cell in cells):
            # Paths of a list start at the current folder, and those of a table at its own.
            root = ["--root", "."] if os.path.dirname(path) else []
            return "a row of a table", _command(path, format, root)
    return None


def _path_option(names: list[str], values: list[str]) -> list[str]:
    """Return the option that names the column of the path, unless exactly one has a usual name."""
    usual = [name for name in names if is_usual_name("path", name)]
    likely = [name for name, value in zip(names, values, strict=True) if _is_path_word(name) or _is_audio_name(value)]
    if len(usual) == 1:
        return []
    return ["--column", f"path={(usual or likely or ['NAME'])[0]}"]


def _command(path: str, format: Format, options: list[str] | None = None) -> str:
    is_known = FORMAT_BY_EXTENSION.get(extension(path.removesuffix(".gz"))) == format
    named = [] if is_known else ["--table-format", format]
    table = _file(path) if path != "-" else "-"
    return " ".join(["melcli extract --table", table, *named, *map(_quoted, options or []), "..."])


def _file(path: str) -> str:
    return "FILE" if path == "-" else _quoted(path)


def _quoted(text: str) -> str:
    return shlex.quote(text)


def _is_path_word(name: str) -> bool:
    return is_usual_name("path", name) or name.lower() in _OTHER_PATH_WORDS


def _is_audio_name(name: str) -> bool:
    return extension(name) in _AUDIO
