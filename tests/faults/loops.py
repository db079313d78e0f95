"""Loops of faults: their rounds, seed and counts.

A test that takes part looks like this::

    @loop(quick=5, soak=1000)
    @pytest.mark.parametrize("format_", ["npy", "hdf5"])
    def test_kills(rounds: int, seed: int, tally: Tally, format_: str) -> None:
        \"\"\"SIGKILL of the whole run.\"\"\"
        chance = random.Random(f"kills {format_} {seed}")
        for _ in range(rounds):
            with tally.round():
                ...

The first line of the docstring is the fault's name in docs/faults.md.
"""

from __future__ import annotations

import datetime
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
import soundfile

from benchmarks.machine import describe_run
from benchmarks.settings import OWN_PACKAGES
from tests.elapsed import Stopwatch

__all__ = ["MAX_VIOLATIONS", "NAMED", "Quick", "Tally", "entry_of", "fault_name", "loop"]

MAX_VIOLATIONS = 20  # after which a loop stops, since more of them add nothing
NAMED = 10  # violations in the message of a failed test
MESSAGE_LINES = 6  # per violation
LINE_CHARACTERS = 300

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Quick:
    """Rounds of a loop in a run without soaks, by the tier; tests/faults/conftest.py replaces it by a number."""

    default: int
    all: int


def loop(*, quick: int, soak: int, default: int = 1) -> pytest.MarkDecorator:
    """Add an argument ``rounds`` to a test.

    Parameters
    ----------
    quick : int
        Rounds with ``--all``.
    soak : int
        Rounds with ``-m soak``.
    default : int
        Rounds in the default tier: one, unless a single round is too small to mean something.
    """
    if not 1 <= default <= quick <= soak:
        raise ValueError(f"rounds have to grow from 1 on: default={default}, quick={quick}, soak={soak}")
    return pytest.mark.parametrize(
        "rounds",
        [
            pytest.param(Quick(default=default, all=quick), id="quick"),
            pytest.param(soak, id="soak", marks=pytest.mark.soak),
        ],
    )


class Tally:
    """The counts of one loop.

    Parameters
    ----------
    seed : int
        The value of ``--seed``; a violation names it.

    Attributes
    ----------
    rounds : int
        Rounds begun, or inputs counted.
    violations : list of str
        Broken invariants, each with its round and the seed.
    notes : list of str
        Measured figures.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.rounds = 0
        self.violations: list[str] = []
        self.notes: list[str] = []
        self._watch = Stopwatch()

    @property
    def seconds(self) -> float:
        """Seconds since the start of the loop."""
        return self._watch.wall_s

    @contextmanager
    def round(self) -> Iterator[int]:
        """Count a round; record an error in it as a violation, and continue the loop.

        Yields
        ------
        int
            The round's number, from 0.
        """
        number = self.rounds
        self.rounds += 1
        try:
            yield number
        except Exception as error:  # noqa: BLE001  reading a truncated file raises nearly anything
            self.violated(error, where=f"round {number}")
        if len(self.violations) >= MAX_VIOLATIONS:
            pytest.fail(f"stopped in round {number}: {self.account()}", pytrace=False)

    def count(self, number: int) -> None:
        """Add a number of inputs to the count, for rounds with many inputs."""
        self.rounds += number

    def note(self, remark: str) -> None:
        """Add a measured figure, for docs/faults.md."""
        self.notes.append(remark)

    def violated(self, error: BaseException, *, where: str) -> None:
        """Record a violation."""
        lines = [line[:LINE_CHARACTERS] for line in f"{type(error).__name__}: {error}".splitlines() if line.strip()]
        self.violations.append(f"{where}, seed {self.seed}: " + "\n    ".join(lines[:MESSAGE_LINES]))

    def account(self) -> str:
        """Return the number of violations, and the first ones."""
        named = "\n  ".join(self.violations[:NAMED])
        return f"{len(self.violations)} violations in {self.rounds} rounds\n  {named}"


def fault_name(function: Callable[..., Any], parameters: Mapping[str, Any]) -> str:
    """Return the first line of a test's docstring, with its parameters other than ``rounds`` in brackets."""
    first, *_ = (function.__doc__ or function.__name__).strip().splitlines()
    told = [_told(value) for name, value in parameters.items() if name != "rounds"]
    return first.removesuffix(".") + (f" [{', '.join(told)}]" if told else "")


def entry_of(tally: Tally) -> dict[str, Any]:
    """Return the entry of a loop in docs/faults.json."""
    run = describe_run()
    versions = {name: run["versions"].get(name) for name in ["melcli", *OWN_PACKAGES.values()]}
    return {
        "rounds": tally.rounds,
        "violations": len(tally.violations),
        "violated": tally.violations[:NAMED],
        "notes": tally.notes,
        "seed": tally.seed,
        "seconds": round(tally.seconds, 1),
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d"),
        "machine": "{cpu}, {cores} cores, {kernel}, Python {python}".format(**run["machine"]),
        "versions": {**versions, "libsndfile": soundfile.__libsndfile_version__},
        "revision": _revision(),
    }


def _told(value: object) -> str:
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, (list, tuple)):
        return " ".join(map(_told, value))
    return str(getattr(value, "__name__", value))


def _revision() -> str | None:
    """Return melcli's git revision, with a plus sign if the code differs from it."""
    try:
        revision = _git("rev-parse", "--short", "HEAD")
        changed = _git("status", "--porcelain", "--", "melcli")
    except (OSError, subprocess.CalledProcessError):
        return None
    return revision + ("+" if changed else "")


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip()
