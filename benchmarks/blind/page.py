"""Print the table of docs/identify.md from runs: ``python -m benchmarks.blind.page RESULT.json ...``."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

COLUMNS = ("right", "right but for keys", "wrong and sure", "undecided", "missed", "honest")


def main() -> None:
    """Print the table, and what was missed or wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", type=Path, nargs="+")
    results = [json.loads(path.read_text()) for path in parser.parse_args().results]
    outcomes = " | ".join(name.capitalize() for name in COLUMNS)
    print(f"| Seed | Cases | {outcomes} | Found | CPU, median | 90 % | Longest | Loop |")
    print("|---|---|" + "---|" * (len(COLUMNS) + 5))
    for result in results:
        print(row(result))
    for result in results:
        for case in result["cases"]:
            if case["outcome"] in ("wrong and sure", "missed", "undecided"):
                ending = case["arguments"].get("ending", "")
                print(
                    f"* {result['set']['seed']}/{case['case']}, {case['outcome']}: {case['package']} {ending}".rstrip()
                )


def row(result: dict[str, Any]) -> str:
    """Return the row of a run."""
    outcomes = [str(result["outcomes"].get(name, 0)) for name in COLUMNS]
    found = f"{result['found']} of {result['expressible']} ({result['found'] / max(1, result['expressible']):.0%})"
    cpu_s = [f"{result['cpu_s'][name]:.1f} s" for name in ("median", "p90", "max")]
    cpu_s.append(f"{result['loop_s']:.2f} s")
    return f"| {result['set']['seed']} | {len(result['cases'])} | {' | '.join((*outcomes, found, *cpu_s))} |"


if __name__ == "__main__":
    main()
