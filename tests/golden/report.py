"""Write the tables of docs/parity.md from the goldens, from the repository's root::

    python -m tests.golden.report                        # the page
    python -m tests.golden.report --measure              # measured.json again, and the page
    python -m tests.golden.report --measure whisper nemo # of these two configs

No reference package is needed.  tests/mel/test_parity.py fails where the page says something else than this script.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np

from melcli.mel import MelSpectrogram
from tests.golden.answers import BACKENDS, LIMITS_DB, LIMITS_LINEAR, Answers, Distance, read_answers, worst_distance
from tests.golden.distances import golden_configs, remeasure
from tests.golden.front_end_rows import HEAD, VERIFIED_HEAD, rows, verified_rows

__all__ = ["NOTES", "PAGE", "main", "tables", "with_tables"]

PAGE = Path(__file__).parents[2] / "docs" / "parity.md"
NAMES = {"numpy": "NumPy", "torch": "PyTorch", "jax": "JAX", "tensorflow": "TensorFlow"}

# Where a backend lies apart from the other three on purpose or by mistake; the notes under the table say how.
NOTES = {
    ("torch", "rectangle_in_longer_fft"): "[1]",
    ("tensorflow", "hamming_in_longer_fft"): "[2]",
    ("tensorflow", "odd_fft"): "[2]",
    ("tensorflow", "prime_fft"): "[2]",
    ("tensorflow", "float64"): "[3]",
}


def main() -> None:
    """Write the tables again, between their markers, and first the measurements where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--measure", nargs="*", metavar="NAME", help="measure these configs again; all without a name")
    asked = parser.parse_args().measure
    if asked is not None:
        remeasure(asked or golden_configs())
    PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


def with_tables(page: str) -> str:
    """Return a page with every table between its markers made again."""
    for name, table in tables().items():
        opening, closing = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
        if page.count(opening) != 1 or page.count(closing) != 1:
            raise ValueError(f"{PAGE.name} must have {opening.strip()!r} and {closing!r} once each")
        before, rest = page.split(opening)
        page = f"{before}{opening}\n{table}\n{closing}{rest.split(closing)[1]}"
    return page


@cache
def tables() -> dict[str, str]:
    """Make all tables, by the name of their markers."""
    return {
        "versions": versions_table(),
        "limits": limits_table(),
        "settings": settings_table(),
        "truth": truth_table(),
        "verified": _table(VERIFIED_HEAD, verified_rows()),
        "front ends": _table(HEAD, rows()),
    }


def versions_table() -> str:
    """Say what the goldens were made by."""
    rows = [
        (NAMES[backend], ", ".join(f"{name} {version}" for name, version in made_by.items() if name != "backend"))
        for backend, made_by in ((backend, read_answers(backend).made_by) for backend in BACKENDS)
    ]
    return _table(("backend", "made by"), rows)


def limits_table() -> str:
    """State the limits that the tests hold."""
    limits = (("levels in dB", LIMITS_DB), ("linear values, parts of the answer's largest", LIMITS_LINEAR))
    rows = [(what, f"{limit.p999:.0e}", f"{limit.maximum:.0e}") for what, limit in limits]
    return _table(("what", "99.9th percentile", "maximum"), rows)


def settings_table() -> str:
    """Give the worst distance of each setting on each backend, of melcli in float32 from Keras."""
    settings = read_answers("numpy").settings
    rows = []
    for number, (name, setting) in enumerate(settings.items(), start=1):
        cells = [_cell(read_answers(backend), name) for backend in BACKENDS]
        rows.append((str(number), f"`{name}`", setting["purpose"], *cells))
    return _table(("", "setting", "what it is for", *(NAMES[backend] for backend in BACKENDS)), rows)


def truth_table() -> str:
    """Give the worst distance from the float64 truth over all settings in dB, of melcli in float32 and of Keras."""
    rows = [("melcli", _figures(_from_truth(read_answers("numpy"), keras=False)))]
    rows += [
        (f"Keras on {NAMES[backend]}", _figures(_from_truth(read_answers(backend), keras=True))) for backend in BACKENDS
    ]
    return _table(("in float32", "from the exact value"), rows)


def _cell(answers: Answers, setting: str) -> str:
    note = NOTES.get((answers.backend, setting), "")
    if not answers.settings[setting]["cases"]:
        return f"refused {note}"
    ours = MelSpectrogram.from_config(answers.settings[setting]["config"])
    return f"{_figures(worst_distance(answers, setting, ours))} {note}".rstrip()


def _from_truth(answers: Answers, *, keras: bool) -> Distance:
    distances = []
    for setting in answers.settings:
        if answers.is_linear(setting) or setting == "float64" or (answers.backend, setting) in NOTES:
            continue
        config = answers.settings[setting]["config"]
        exact, single = MelSpectrogram.from_config({**config, "dtype": "float64"}), MelSpectrogram.from_config(config)
        for signal, answer in answers.cases(setting):
            difference = np.abs((answer if keras else single(signal)) - exact(signal))
            distances.append((np.percentile(difference, 99.9), difference.max()))
    return Distance(*map(float, np.max(distances, axis=0)))


def _figures(distance: Distance) -> str:
    return f"{distance.p999:.1e} / {distance.maximum:.1e}"


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


if __name__ == "__main__":
    main()
