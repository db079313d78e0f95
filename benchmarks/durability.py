"""What a level of durability costs: whole commands at ``none``, ``batch`` and ``file``, in turn.

A ratio over 1 says that the level takes longer than ``none``; it is the median over the rounds.  All is on the disk
that ``--data`` names, and of the clips' outputs, which stay in ``aside``, each run leaves 3.4 GB there.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks import corpus
from benchmarks.commands import extract, run_fresh
from benchmarks.options import Options, conclude, parse
from benchmarks.tables import Table, ratio, seconds
from benchmarks.timing import in_rounds, median_ratio

__all__ = ["measure", "tables"]

JOBS = 2
LEVELS = ("none", "batch", "file")
SMALL_FILES = 3000
# Of ten seconds.  Half a minute of work: what `none` leaves to the system is written back within it, as it is in any
# long run; over three hours of audio all of that would fall behind the end.
CLIPS = 10_800


def measure(options: Options) -> list[dict[str, Any]]:
    """Time each level on ten-second clips and on small files."""
    return [
        _measured("ten-second clips", corpus.hour(options.data, CLIPS), CLIPS, options),
        _measured("half-second files", corpus.digits(options.data, SMALL_FILES), SMALL_FILES, options),
    ]


def _measured(about: str, folder: Path, num_files: int, options: Options) -> dict[str, Any]:
    out = options.data / "out-durability"

    def run(level: str) -> None:
        run_fresh(extract(folder, out, "--durability", level, jobs=JOBS), out, num_outputs=num_files)

    times_s = in_rounds({level: lambda level=level: run(level) for level in LEVELS}, rounds=options.rounds, budget_s=0)
    return {
        "about": about,
        "num_files": num_files,
        "wall_s": times_s,
        "over_none": {level: median_ratio(times_s[level], times_s["none"]) for level in LEVELS},
    }


def tables(result: list[dict[str, Any]]) -> list[Table]:
    """Return the ratios, and the shortest run of each level."""
    rows = [
        [
            f"{one['num_files']:,} {one['about']}",
            *(ratio(one["over_none"][level]) for level in LEVELS[1:]),
            *(seconds(min(one["wall_s"][level])) for level in LEVELS),
        ]
        for one in result
    ]
    head = ["", "batch over none", "file over none", *(f"{level} s" for level in LEVELS)]
    return [Table("durability", "What durability costs, whole commands in two processes", head, rows)]


def main() -> None:
    """Measure and print."""
    options = parse(__doc__, rounds=7)
    options.data.mkdir(parents=True, exist_ok=True)
    result = measure(options)
    conclude("durability", result, tables(result), options)


if __name__ == "__main__":
    main()
