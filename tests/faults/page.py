"""Write docs/faults.json and docs/faults.md: the last figures of every loop."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

__all__ = ["DOCS", "page_of", "record"]

DOCS = Path(__file__).resolve().parents[2] / "docs"

HEAD = """\
# Faults survived

Written by the tests themselves, from [faults.json](faults.json), as they end:

```sh
pip install -e '.[test]'
python -m pytest tests/faults --all     # a few rounds of every loop; one round without --all
python -m pytest tests/faults -m soak   # the loops below; --seed N for others of the same kind
```

Each round provokes its fault at a random moment or place, and then one oracle,
[tests/run/invariants.py](../tests/run/invariants.py), looks at all that is there: that every file with a final name
is complete and equals its row of the manifest, read back and with its CRC-32; that every row `ok` has its output;
that no process is left, no lock is held, and no raw control character was printed. Where the command runs again it
has to end with the bytes of a run that nothing disturbed, and without a temporary file. What does not hold is a
violation, and fails the test. Limits of time, such as the 2 s in which workers end after their parent, are for a
machine that does nothing else; where more programs want to run than there are processors, they are stretched by that
much. What cannot run on a machine is skipped there, and the test says what is missing.

"""


def record(entries: Mapping[str, Mapping[str, Any]], docs: Path) -> None:
    """Update loops in docs/faults.json, keep the other entries, and write docs/faults.md from it.

    Several test runs may do so at the same time.

    Parameters
    ----------
    entries : Mapping
        From a fault to the result of `tests.faults.loops.entry_of`.
    docs : Path
        The folder of both files.
    """
    with _alone(docs):
        path = docs / "faults.json"
        known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        known |= dict(entries)
        _replace(path, json.dumps(known, indent=1, sort_keys=True) + "\n")
        _replace(docs / "faults.md", page_of(known))


def page_of(entries: Mapping[str, Mapping[str, Any]]) -> str:
    """Return docs/faults.md."""
    places = sorted({_place(entry) for entry in entries.values()})
    lines = [
        "| fault | rounds or inputs | violations | notes | seed | minutes | date | machine |",
        "| --- | ---: | ---: | --- | ---: | ---: | --- | --- |",
    ]
    for name, entry in sorted(entries.items()):
        violations = f"**{entry['violations']}**" if entry["violations"] else "0"
        notes = _cell("; ".join(entry["notes"]))
        minutes = f"{entry['seconds'] / 60:.1f}"
        cells = [_cell(name), f"{entry['rounds']:,}", violations, notes, str(entry["seed"]), minutes, entry["date"]]
        lines.append(f"| {' | '.join([*cells, str(1 + places.index(_place(entry)))])} |")
    machines = [f"{number}. {place}" for number, place in enumerate(places, 1)]
    return HEAD + "\n".join([*lines, "", "Machines and versions:", "", *machines, *_violated(entries), ""])


def _violated(entries: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    broken = {name: entry["violated"] for name, entry in sorted(entries.items()) if entry["violations"]}
    if broken:
        yield from ("", "## Violations", "")
    for name, violations in broken.items():
        yield from (f"{name}:", "", "```", *violations, "```", "")


def _place(entry: Mapping[str, Any]) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in entry["versions"].items() if version)
    revision = f" ({entry['revision']})" if entry["revision"] else ""
    return f"{entry['machine']}; {versions}{revision}"


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the folder's lock, which leaves no file behind."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _replace(path: Path, text: str) -> None:
    new = path.with_name(f"{path.name}.new")
    new.write_text(text, encoding="utf-8")
    new.replace(path)
