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
from melcli.sources.names import AUDIO_EXTENSIONS, extension

__all__ = ["refuse_other_formats"]

_PATH_WORDS = {"path", "paths", "file", "filename", "file_name", "filepath", "file_path", "wav", "wav_path", "audio",
               "audio_path", "audio_filepath", "source", "src", "location", "url"}  # fmt: skip
_SEPARATORS = {",": "-d,", ";": "-d';'", "\t": ""}  # of a table, with cut's option


LIST = "<list>"  # in a command
RUN_THEM = "run the commands, and list the files that they write"


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
        It is a line of another format; the hint is a command that prints the paths.
    """
    text = os.fsdecode(line).strip()
    found = _json(text) or _kaldi(text) or _table(text)
    if found is None or os.path.lexists(text):
        return
    what, command = found
    name = "FILE" if path == "-" else shlex.quote(path)
    hint = f"{command.replace(LIST, name)} | melcli extract --files-from - ..." if command else RUN_THEM
    raise ConfigError(f"{where}:1: it is {what}, not a path", hint=printable(hint))


def _json(text: str) -> tuple[str, str] | None:
    if text[:1] not in ("{", "["):
        return None
    try:
        value = json.loads(text)
    except ValueError:
        # The first line of an indented document.
        return ("the start of a JSON document", f"jq -r '.. | strings' {LIST}") if text in ("{", "[", "[{") else None
    except RecursionError:
        return None
    if isinstance(value, list):
        nested = any(isinstance(item, dict) for item in value)
        return "a JSON array", f"jq -r '.[].audio_filepath' {LIST}" if nested else f"jq -r '.[]' {LIST}"
    keys = [key for key, content in value.items() if isinstance(content, str)]
    likely = [key for key in keys if key.lower() in _PATH_WORDS or _is_audio_name(value[key])]
    key = likely[0] if likely else "audio_filepath"
    plain = re.fullmatch(r"[A-Za-z_]\w*", key, re.ASCII)
    return "a JSON object", f"jq -r {f'.{key}' if plain else shlex.quote(f'.[{json.dumps(key)}]')} {LIST}"


def _kaldi(text: str) -> tuple[str, str] | None:
    """Recognize ``utterance path`` and ``utterance command |``."""
    parts = re.fullmatch(r"([^\s/,]+)[ \t]+(\S.*)", text)
    if parts is None or _is_audio_name(parts[1]):
        return None
    if parts[2].endswith("|"):
        return "a line of Kaldi's wav.scp with a command", ""
    is_path = parts[2].startswith("/") or os.path.lexists(parts[2])
    return ("a line of Kaldi's wav.scp", f"cut -d' ' -f2- {LIST}") if is_path and "\t" not in text else None


def _table(text: str) -> tuple[str, str] | None:
    for separator, option in _SEPARATORS.items():
        fields = [field.strip().strip('"') for field in text.split(separator)]
        if len(fields) < 2:
            continue
        column = next((i for i, field in enumerate(fields) if field.lower() in _PATH_WORDS), None)
        if column is not None:
            return "the header of a table", _cut(option, column, skip=True)
        column = next((i for i, field in enumerate(fields) if _is_audio_name(field) and os.path.lexists(field)), None)
        if column is not None:
            return "a row of a table", _cut(option, column, skip=False)
    return None


def _cut(option: str, column: int, *, skip: bool) -> str:
    cut = " ".join(filter(None, ("cut", option, f"-f{column + 1}")))
    return f"tail -n +2 {LIST} | {cut}" if skip else f"{cut} {LIST}"


def _is_audio_name(name: str) -> bool:
    return extension(name) in AUDIO_EXTENSIONS
