"""Runs core, pipeline, scaling and memory, prints their tables, and writes one JSON; see docs/benchmarks.md."""

from __future__ import annotations

import shutil
import time
from typing import Any

from benchmarks.commands import ASIDE
from benchmarks.machine import describe_run
from benchmarks.options import Options, parse, write
from benchmarks.processes import module_result

MODULES = ("core", "pipeline", "scaling", "memory")


def arguments(options: Options, module: str) -> list[str]:
    """Return what a module is told."""
    told = ["--data", str(options.data)]
    if options.rounds:
        told += ["--rounds", str(options.rounds)]
    if options.large:
        told += ["--large"]
    if options.digits and module == "pipeline":
        told += ["--digits", str(options.digits)]
    return told


def main() -> None:
    """Run every module in a process of its own."""
    extra = {"--digits": "a folder of small 8 kHz WAV files, rather than synthetic ones"}
    options = parse(f"{__doc__}\nRounds: 0 for each module's own number.", extra=extra, rounds=0)
    options.data.mkdir(parents=True, exist_ok=True)
    result: dict[str, Any] = describe_run() | {"elapsed_s": {}, "large": options.large}
    path = options.json or options.data / "result.json"
    for module in MODULES:
        start = time.perf_counter()
        result |= module_result(f"benchmarks.{module}", arguments(options, module))
        result["elapsed_s"][module] = round(time.perf_counter() - start, 1)
        write(result, path)  # after each, so that a failure of the next costs that one alone
    shutil.rmtree(options.data / ASIDE, ignore_errors=True)
    print(f"{sum(result['elapsed_s'].values()):.0f} s in all; the result is in {path}")


if __name__ == "__main__":
    main()
