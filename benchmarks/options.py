"""The command line that all modules share."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.tables import Table, plain

__all__ = ["Options", "conclude", "parse", "write"]

DATA = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "melcli-benchmarks"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a module is asked.

    Attributes
    ----------
    data : Path
        Where corpora are made and kept, and outputs made: on the disk that is to be measured.  A module that is run by
        itself leaves its outputs in ``aside``.
    json : Path or None
        Where the result goes.
    rounds : int
        How often all is measured; 0 where each module has its own number.
    large : bool
        Also what takes hours or tens of gigabytes.
    group : str or None
        For the core: the group of peers.
    digits : Path or None
        For the pipeline: a real folder of small files.
    """

    data: Path
    json: Path | None
    rounds: int
    large: bool = False
    group: str | None = None
    digits: Path | None = None


def parse(purpose: str | None, *, rounds: int, extra: Mapping[str, str] | None = None) -> Options:
    """Read the command line; ``extra`` are further options with their help."""
    parser = argparse.ArgumentParser(description=purpose, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA, help="folder for corpora and outputs (%(default)s)")
    parser.add_argument("--json", type=Path, help="write the result there")
    parser.add_argument("--rounds", type=int, default=rounds, help="how often all is measured (%(default)s)")
    parser.add_argument("--large", action="store_true", help="also what takes hours: 12 h of audio, 100,000 files")
    for name, text in (extra or {}).items():
        parser.add_argument(name, help=text, type=Path if name == "--digits" else str)
    given = vars(parser.parse_args())
    given["data"] = given["data"].expanduser().absolute()
    return Options(**given)


def write(result: Mapping[str, Any], path: Path | None) -> None:
    """Write a result as JSON, where that is asked for."""
    if path is not None:
        path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def conclude(name: str, result: Mapping[str, Any], tables: Iterable[Table], options: Options) -> None:
    """Print a module's tables, and write its result where that is asked for."""
    for table in tables:
        print(plain(table))
    write({name: result}, options.json)
