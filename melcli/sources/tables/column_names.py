"""Find the columns of a table that say where a piece of audio is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from melcli.errors import ConfigError
from melcli.printable import abbreviate, printable
from melcli.sources.tables.request import ROLES, Role

__all__ = ["find_column", "find_roles", "is_usual_name", "nearest_column"]

# In lower case.
USUAL_NAMES: Mapping[Role, frozenset[str]] = {
    "path": frozenset(
        {
            *("path", "file", "filename", "file_name", "fname", "filepath", "file_path"),
            *("audio", "audio_path", "audio_file", "audio_filepath", "audio_filename"),
            *("wav", "wav_path", "wav_file", "wav_filename"),
        }
    ),
    "id": frozenset({"id", "utt", "utt_id", "uttid", "utterance_id"}),
    "start": frozenset({"start", "offset", "onset", "begin", *(f"start_{unit}" for unit in ("s", "sec", "seconds"))})
    | {"start_time", "begin_time"},
    "end": frozenset({"end", "stop", "end_time", "stop_time", *(f"end_{unit}" for unit in ("s", "sec", "seconds"))}),
    "duration": frozenset({"duration", *(f"duration_{unit}" for unit in ("s", "sec", "seconds"))}),
    "channel": frozenset({"channel"}),
}


def is_usual_name(role: str, name: str) -> bool:
    """Return whether a column with this name usually has this role."""
    return role in ROLES and name.strip().lower() in USUAL_NAMES[role]  # type: ignore[index, unused-ignore]


def find_roles(
    names: Sequence[str], wanted: Mapping[str, str], *, is_path_needed: bool, has_header: bool = True
) -> dict[Role, int]:
    """Return the positions of the columns with a role.

    Parameters
    ----------
    names : sequence of str
        Names of the columns; numbers from 1 if there is no header.
    wanted : Mapping
        `TableRequest.columns`.
    is_path_needed : bool
        Whether the table has to have a path; if not, only a column of ``wanted`` is the path.
    has_header : bool
        Whether usual names count.

    Raises
    ------
    ConfigError
        A column of ``wanted`` is missing, several columns may have one role, or the path is missing.
    """
    usual = _usual_columns(names) if has_header else {}
    roles: dict[Role, int] = {}
    for role in ROLES:
        if role in wanted:
            if wanted[role]:
                roles[role] = find_column(names, wanted[role], f"--column {role}={wanted[role]}")
        elif (role != "path" or is_path_needed) and (role != "duration" or "start" in roles):
            # A length without a start describes the whole recording.
            found = usual.get(role, [])
            if len(found) > 1:
                raise _ambiguous(role, [names[position] for position in found])
            if found:
                roles[role] = found[0]
    if is_path_needed and "path" not in roles:
        raise _no_path(names)
    return roles


def find_column(names: Sequence[str], name: str, where: str) -> int:
    """Return the position of a column by its name, in this case or another.

    Raises
    ------
    ConfigError
        There is no such column, or several differ only in case.
    """
    if name in names:
        return names.index(name)
    folded = [position for position, other in enumerate(names) if other.strip().lower() == name.strip().lower()]
    if len(folded) == 1:
        return folded[0]
    raise ConfigError(
        f"{printable(where)}: the table has no column {printable(name)!r}, but {abbreviate(list(names))}",
        hint=nearest_column(name, names),
    )


def nearest_column(name: str, names: Iterable[str]) -> str:
    """Suggest the column that is nearest to an unknown one, or return ``""``."""
    import difflib

    by_fold = {other.strip().lower(): other for other in names}
    near = difflib.get_close_matches(name.strip().lower(), by_fold, n=1, cutoff=0.6)
    return f"did you mean {printable(by_fold[near[0]])!r}?" if near else ""


def _usual_columns(names: Sequence[str]) -> dict[Role, list[int]]:
    folded = [name.strip().lower() for name in names]
    usual: dict[Role, list[int]] = {}
    for role, known in USUAL_NAMES.items():
        found = [position for position, name in enumerate(folded) if name in known]
        if found:
            usual[role] = found
    if {"onset", "offset"} <= set(folded):  # tables of sound events; in NeMo's, offset is the start
        usual["start"] = [position for position in usual["start"] if folded[position] != "offset"]
        usual["end"] = [*usual.get("end", []), folded.index("offset")]
    return usual


def _ambiguous(role: str, names: Sequence[str]) -> ConfigError:
    listed = " and ".join(printable(repr(name)) for name in names)
    return ConfigError(
        f"the columns {listed} may each be the {role}: only one can be",
        hint=printable(f"name it: --column {role}={names[0]}"),
    )


def _no_path(names: Sequence[str]) -> ConfigError:
    """Name the columns, and the one that may be the path."""
    import difflib

    near: list[str] = []
    for name in names:
        parts = {name.lower(), *name.lower().replace("-", "_").split("_")}
        if any(difflib.get_close_matches(part, USUAL_NAMES["path"] | {"clip"}, n=1, cutoff=0.75) for part in parts):
            near.append(name)
    column = near[0] if near else "NAME"
    return ConfigError(
        f"no column has a usual name of a path; the columns are {abbreviate(list(names))}",
        hint=printable(f"name it with --column path={column}, or make it with --path-template"),
    )
