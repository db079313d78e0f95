"""How time and memory grow: with processes, the number of files, one long file among many, and from nothing.

Small corpora are hard links to a few thousand files, under other names.
"""

from __future__ import annotations

import json
import statistics
import sys
from pathlib import Path
from typing import Any

from benchmarks import corpus
from benchmarks.commands import extract, melcli, put_aside, run_fresh
from benchmarks.options import Options, conclude, parse
from benchmarks.pipeline import floor_command
from benchmarks.processes import run_command
from benchmarks.tables import Table, ratio, seconds
from benchmarks.timing import median_ratio
from benchmarks.watch import Watch

__all__ = ["SMALL", "measure", "small_files", "tables"]

NUM_FILES = 2_880  # eight hours in ten-second files, so that start-up counts for little
NUM_SHORT, LONG_H = 1000, 3  # 2.8 h of ten-second files beside one file of 3 h: two halves
COUNTS, LARGE_COUNTS = (1_000, 10_000), (1_000, 10_000, 100_000)
KNOWN_COUNTS, LARGE_KNOWN_COUNTS = (1_000, 10_000), (10_000, 100_000, 1_000_000)
SMALL = ("-s", "sampling_rate=8000")
START_UPS = 9


def small_files(data: Path, count: int) -> Path:
    """Return a folder of so many half-second files."""
    return corpus.linked(data, "small", corpus.digits(data), count)


def measure(options: Options) -> dict[str, Any]:
    """Measure all of them."""
    result: dict[str, Any] = {"rounds": options.rounds}
    for name, part in (
        ("processes", processes),
        ("long_among_short", long_among_short),
        ("files", files),
        ("known", known),
        ("start_up", start_up),
    ):
        print(f"scaling: {name} ...", file=sys.stderr, flush=True)
        result[name] = part(options)
    return result


def processes(options: Options) -> dict[str, Any]:
    """Compare two processes with one; and the same for the bare stages, which shows what the machine gives."""
    folder = corpus.linked(options.data, "hours", corpus.hour(options.data), NUM_FILES)
    out = options.data / "out"
    wall_s: dict[str, list[float]] = {"melcli -j 1": [], "melcli -j 2": [], "bare, 1": [], "bare, 2": []}
    for _ in range(options.rounds):
        for jobs in (1, 2):
            wall_s[f"melcli -j {jobs}"].append(run_fresh(extract(folder, out, jobs=jobs), out).wall_s)
        for jobs in (1, 2):  # without its imports, since only the machine is asked here
            told = run_fresh(floor_command(folder, out, 16_000, jobs=jobs), out).output
            wall_s[f"bare, {jobs}"].append(json.loads(told)["wall_s"])
    one, two, bare_one, bare_two = wall_s.values()
    return {"wall_s": wall_s, "ratio": median_ratio(one, two), "machine": median_ratio(bare_one, bare_two)}


def long_among_short(options: Options) -> dict[str, Any]:
    """Compare one long file among short ones, two processes, with each half alone in one process."""
    shorts = corpus.linked(options.data, "short", corpus.hour(options.data), NUM_SHORT)
    long = corpus.long_file(options.data, duration_h=LONG_H, sampling_rate=16_000, num_channels=1)
    out = options.data / "out"
    commands = {
        "the long file, -j 1": extract(long, out, jobs=1),
        "the short files, -j 1": extract(shorts, out, jobs=1),
        "together, -j 2": extract(shorts, out, long, jobs=2),
    }
    wall_s = _in_turn(commands, out, options.rounds)
    alone, short, together = wall_s.values()
    return {"wall_s": wall_s, "ratio": median_ratio(together, list(map(max, alone, short)))}


def files(options: Options) -> dict[str, Any]:
    """Time small files by their number, start-up apart, all numbers in turn; and runs that find all done."""
    out = options.data / "out"
    one = min(corpus.digits(options.data).iterdir())
    counts = LARGE_COUNTS if options.large else COUNTS
    commands = {count: extract(small_files(options.data, count), out, *SMALL, jobs=2) for count in counts}
    start = {"start-up": extract(one, out, *SMALL, jobs=2)}
    wall_s = _in_turn({**start, **{str(count): command for count, command in commands.items()}}, out, options.rounds)
    us_per_file = {
        count: [
            1e6 * (whole - start) / count for whole, start in zip(wall_s[str(count)], wall_s["start-up"], strict=True)
        ]
        for count in counts
    }
    return {
        str(count): {
            "wall_s": wall_s[str(count)],
            "us_per_file": us_per_file[count],
            "over_fewest": median_ratio(us_per_file[count], us_per_file[counts[0]]),
            "no_op_s": _no_op_s(commands[count], out, options.rounds),
        }
        for count in counts
    }


def known(options: Options) -> dict[str, Any]:
    """Measure the commands over an OUT in which all is done: CPU seconds, and the most memory of the driver."""
    out = options.data / "out"
    return {
        str(count): _over_known(small_files(options.data, count), out)
        for count in (LARGE_KNOWN_COUNTS if options.large else KNOWN_COUNTS)
    }


def _over_known(folder: Path, out: Path) -> dict[str, dict[str, float]]:
    command = extract(folder, out, *SMALL, jobs=2)
    read = "import sys; from melcli.store.reader import open_features; open_features(sys.argv[1])"
    commands = {
        "a run that finds all done": command,
        "status": melcli("status", out, "-q"),
        "prune": melcli("prune", out, folder, "-q"),
        "verify": melcli("verify", out, "-q", "-j", 2),
        "open_features": [sys.executable, "-c", read, str(out)],
    }
    found = {}
    put_aside(out)
    try:
        run_command(command)
        for name, each in commands.items():
            watch = Watch()
            run = run_command(each, watch=watch.start)
            watch.finish()
            found[name] = {"cpu_s": run.cpu_s, "parent_mb": watch.peaks_mb["parent"]["resident"]}
    finally:
        put_aside(out)
    return found


def start_up(options: Options) -> dict[str, Any]:
    """Compare what takes hardly any work with the imports that it cannot do without."""
    out, one = options.data / "out", min(corpus.hour(options.data).iterdir())
    python = [sys.executable, "-c"]
    commands = {
        "import click": [*python, "import click"],
        "melcli --help": melcli("--help"),
        "import numpy, scipy.fft, soundfile": [*python, "import numpy, scipy.fft, soundfile"],
        "extract of one file": extract(one, out, jobs=1),
    }
    wall_s = _in_turn(commands, out, START_UPS)
    click, shown, imports, done = wall_s.values()
    return {"wall_s": wall_s, "help": median_ratio(shown, click), "extract": median_ratio(done, imports)}


def _in_turn(commands: dict[str, list[str]], out: Path, rounds: int) -> dict[str, list[float]]:
    """Run all in turn, several times over; return their wall seconds."""
    wall_s: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            wall_s[name].append(run_fresh(command, out).wall_s)
    return wall_s


def _no_op_s(command: list[str], out: Path, rounds: int) -> list[float]:
    try:
        run_command(command)
        return [run_command(command).wall_s for _ in range(rounds)]
    finally:
        put_aside(out)


def tables(result: dict[str, Any]) -> list[Table]:
    """Make the tables of a result."""
    return [
        Table("processes", "Two processes against one, eight hours in ten-second files", *_processes(result)),
        Table("long", "One three-hour file among a thousand of ten seconds", *_long(result)),
        Table("files", "Time for each of many half-second files, two processes", *_files(result)),
        Table("known", "Commands over an OUT in which all is done", *_known(result)),
        Table("start-up", "Start-up against the imports that are needed", *_start_up(result)),
    ]


def _processes(result: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    found = result["processes"]
    rows = [
        ["melcli, start-up included", ratio(found["ratio"])],
        ["the bare stages, which is what the machine gives", ratio(found["machine"])],
    ]
    return ["", "speed of -j 2 / speed of -j 1"], rows


def _long(result: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    found = result["long_among_short"]
    rows = [["together, over the longer half", ratio(found["ratio"])]]
    rows += [[f"{name}, seconds", seconds(statistics.median(wall_s))] for name, wall_s in found["wall_s"].items()]
    return ["", "median"], rows


def _files(result: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    rows = [
        [
            f"{int(count):,}",
            ratio(found["over_fewest"]),
            f"{statistics.median(found['us_per_file']):.0f}",
            seconds(statistics.median(found["wall_s"])),
            seconds(statistics.median(found["no_op_s"])),
        ]
        for count, found in result["files"].items()
    ]
    head = [
        "files",
        "time a file, over that of the fewest",
        "us a file",
        "seconds in all",
        "s of a run that finds all done",
    ]
    return head, rows


def _known(result: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    known = result["known"]
    names = list(next(iter(known.values())))
    rows = [
        [
            name,
            *(f"{found[name]['cpu_s']:.1f} s, {found[name]['parent_mb']:.0f} MB" for found in known.values()),
        ]
        for name in names
    ]
    return ["CPU of all processes, most memory of the driver", *(f"{int(count):,} files" for count in known)], rows


def _start_up(result: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    found = result["start_up"]
    middle = {name: seconds(statistics.median(wall_s)) for name, wall_s in found["wall_s"].items()}
    click, shown, imports, done = middle.values()
    rows = [
        ["`melcli --help` over `import click`", ratio(found["help"]), shown, click],
        ["one file over `import numpy, scipy.fft, soundfile`", ratio(found["extract"]), done, imports],
    ]
    return ["", "ratio", "melcli s", "imports s"], rows


def main() -> None:
    """Measure, print, write."""
    options = parse(__doc__, rounds=3)
    result = measure(options)
    conclude("scaling", result, tables(result), options)


if __name__ == "__main__":
    main()
