"""Fuzz one target: ``python -m tests.fuzz decode --seconds 60``.

Uses atheris if it is installed, which is guided by the lines that melcli's Python executes.  Otherwise, and for HDF5,
which is read in a separate process, it uses the seeded mutator.  The run continues after a find.  Each find is shown
once, by its class and place, its input is stored next to the folder ``--work``, and the run exits with 1.  ``--keep``
adds inputs from that folder that the corpus lacks.
"""

from __future__ import annotations

import argparse
import mmap
import os
import random
import resource
import sys
import time
import traceback
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn

from tests.fuzz.memory import MOST_MB, over_limit, peak_mb

SLOW_S = 1.0
HANGING_S = 60


def main() -> None:
    """Run one target, or keep the inputs of earlier runs."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("target")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--work", type=Path, help="folder of inputs (default: fuzz-TARGET in the working directory)")
    parser.add_argument(
        "--keep", action="store_true", help="do not fuzz, but add to the corpus what earlier runs found"
    )
    asked = parser.parse_args()
    work = (asked.work or Path(f"fuzz-{asked.target}")).absolute()
    work.mkdir(parents=True, exist_ok=True)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if asked.keep:
        _keep(asked.target, work)
        return
    fuzz = _by_atheris if asked.target != "hdf5" and _has_atheris() else _by_mutator
    sys.exit(fuzz(asked.target, work, asked.seconds, asked.seed))


class _Watched:
    """A target whose finds are recorded, each once, and do not end the run."""

    def __init__(self, target: Callable[[bytes], None], work: Path, found: bytearray | mmap.mmap | None = None) -> None:
        self.found = bytearray(1) if found is None else found  # 1 after a find
        self._target = target
        self._work = work
        self._told: set[str] = set()
        self._errors = os.fdopen(os.dup(2), "w", errors="backslashreplace")  # the target may close descriptor 2
        self.num_inputs = 0

    def __call__(self, data: bytes) -> None:
        from tests.fuzz.finds import signature

        self.num_inputs += 1
        before_mb = peak_mb()
        started_s = time.thread_time()  # of this process, not of others on the machine
        try:
            self._target(data)
        except Exception as error:  # noqa: BLE001  any exception is a find
            self._tell(signature(error), data)
        if time.thread_time() - started_s > SLOW_S:
            self._tell("slow", data)
        if over_limit(before_mb):
            self._tell("memory", data)

    def close(self) -> None:
        """Close the duplicate of standard error."""
        self._errors.close()

    def _tell(self, what: str, data: bytes) -> None:
        from tests.fuzz.kept import name_of

        if what in self._told:
            return
        self._told.add(what)
        self.found[0] = 1
        path = self._work.with_name(f"{self._work.name}-find-{name_of(data)}")
        path.write_bytes(data)
        print(f"FIND {what}: {path}", file=self._errors)
        if sys.exc_info()[0] is not None:
            traceback.print_exc(file=self._errors, limit=-4)
        self._errors.flush()


def _has_atheris() -> bool:
    if find_spec("atheris") is None:
        print("atheris is not installed; going on with the seeded mutator", file=sys.stderr)
        return False
    return True


def _by_atheris(target: str, work: Path, seconds: int, seed: int) -> int:
    """Fuzz in a child process, since libFuzzer ends its process with exit code 0; return 1 if there was a find."""
    found = mmap.mmap(-1, 1)  # shared with the child
    child = os.fork()
    if not child:
        _fuzz_by_atheris(target, work, seconds, seed, found)
    _, status = os.waitpid(child, 0)
    return int(status != 0 or found[0] != 0)


def _fuzz_by_atheris(target: str, work: Path, seconds: int, seed: int, found: mmap.mmap) -> NoReturn:
    import atheris

    with atheris.instrument_imports(include=["melcli", "yaml"]):
        from tests.fuzz.targets import TARGETS
    _fill(target, work)
    options = {
        "max_total_time": seconds,
        "seed": seed + 1,  # 0 would be a random one
        "artifact_prefix": f"{work}-",
        "timeout": HANGING_S,
        "rss_limit_mb": MOST_MB,
        "max_len": 16_384,
        "print_final_stats": 1,
        "close_fd_mask": 2,  # hides the output of native libraries
    }
    arguments = [sys.argv[0], str(work), *(f"-{name}={value}" for name, value in options.items())]
    atheris.Setup(arguments, _Watched(TARGETS[target], work, found))
    atheris.Fuzz()
    raise AssertionError("libFuzzer ends the process")


def _by_mutator(target: str, work: Path, seconds: int, seed: int) -> int:
    """Fuzz until the time is over; return 1 if there was a find."""
    from tests.fuzz.edits import changed, random_edits
    from tests.fuzz.kept import corpus_of
    from tests.fuzz.seeds import seeds
    from tests.fuzz.targets import TARGETS

    inputs = [*corpus_of(target).values(), *seeds(target)]
    watched = _Watched(TARGETS[target], work)
    chance = random.Random(seed)
    deadline_s = time.monotonic() + seconds
    while time.monotonic() < deadline_s:
        watched(changed(chance.choice(inputs), random_edits(chance, inputs)))
    watched.close()
    print(f"{target}: {watched.num_inputs} inputs by the seeded mutator", file=sys.stderr)
    return watched.found[0]


def _fill(target: str, work: Path) -> None:
    """Copy the kept inputs and the seeds of a target into a folder."""
    from tests.fuzz.kept import corpus_of, name_of
    from tests.fuzz.seeds import seeds

    for data in [*corpus_of(target).values(), *seeds(target)]:
        (work / name_of(data)).write_bytes(data)


def _keep(target: str, work: Path) -> None:
    from tests.fuzz.kept import corpus_of, keep, minimal
    from tests.fuzz.seeds import seeds

    _fill(target, work)
    found = [path.read_bytes() for path in sorted(work.iterdir()) if path.is_file()]
    chosen, num_arcs = minimal(target, found)
    if not num_arcs:  # HDF5 is read in another process, whose lines are not traced
        chosen = seeds(target)
    kept = len(corpus_of(target))
    print(f"{target}: {len(found)} inputs take {num_arcs} steps; {len(chosen)} are enough, {kept} were kept")
    keep(target, chosen)


if __name__ == "__main__":
    main()
