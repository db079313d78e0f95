"""Writes docs/reference/code_map.md from the first sentences of the modules; a test compares the page with them.

python docs/write_code_map.py
"""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "reference" / "code_map.md"
PACKAGES = {
    "api": "The Python API.",
    "cli": "The command line: options, messages, progress. It imports everything else late.",
    "sources": "From INPUTs to items: walking folders, lists, ids.",
    "sources/tables": "Tables of recordings and pieces: CSV, TSV, lists with `|`, JSON lines.",
    "run": "A run: plan, workers, batches, report. Also `status`, `prune`.",
    "run/planner": "The process that makes the file-system calls of planning.",
    "run/engines": "Worker processes.",
    "run/verify": "`melcli verify`.",
    "run/doctor": "`melcli doctor`.",
    "run/stats": "`melcli stats`: dividing the items among workers.",
    "audio": "From a file to signals: containers, decoding, channels, resampling.",
    "audio/ffmpeg": "The second decoder: ffmpeg, one process for each file.",
    "mel": "From signals to features: the numeric core. Arrays in, arrays out.",
    "store": "Outputs, manifest, journal, and the readers.",
    "normalizers": "Files with means and standard deviations.",
    "stats": "`melcli stats`: moments, and the files that it writes.",
    "config": "Configs: reading and resolving.",
    "explain": "Configs in words, and as calls of other libraries.",
    "compare": "`melcli compare`.",
    "identify": "`melcli identify`.",
    "": "Shared by all packages.",
}
HEAD = """# Code map

Written by `docs/write_code_map.py` from the first sentence of each module. Data flows from `sources` through `run`,
`audio`, `mel` and `store` to the report. Imports run one way; `tests/test_layers.py` has the order.

## Vocabulary

| Term | Meaning |
|---|---|
| INPUT, OUT | the folders or files that a command reads, and the folder that it writes |
| item | an input of a run: a file with its id |
| id | the name of an item in OUT, from its path below INPUT |
| row | what the manifest records of an item: `ok` with its output, or `failed` with a reason |
| manifest | `OUT/manifest.jsonl`, all rows sorted by id |
| journal | the rows that a run has finished and not yet merged into the manifest |
| plan | which items are new, stale, done, failed or without an input |
| batch | items that a worker processes together |
| shard | an HDF5 file with the features of many items |
| driver | the process that the user started; it plans, dispatches and records |
| worker | a process that decodes and computes |
| view | what libsndfile reads instead of a file that it would refuse or decode wrongly |
| config, config_id | all settings of an OUT, and a hash of those that change numbers |
| stale | an item whose source or config changed, so that it is recomputed |
| leftover | a temporary file of a killed run |

"""


def page() -> str:
    """Return the whole page."""
    lines = [HEAD.rstrip(), ""]
    for package, what in PACKAGES.items():
        lines += [f"## melcli/{package}".rstrip("/"), "", what, "", "| Module | Contents |", "|---|---|"]
        lines += [f"| `{path.name}` | {_first_sentence(path)} |" for path in _modules(package)] + [""]
    return "\n".join(lines)


def _modules(package: str) -> list[Path]:
    return [path for path in sorted((ROOT / "melcli" / package).glob("*.py")) if not path.name.startswith("__")]


def _first_sentence(path: Path) -> str:
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return " ".join(text.split("\n\n")[0].split()).replace("``", "`").replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
