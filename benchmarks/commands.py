"""Command lines of melcli and of the peers' scripts, and runs of them into fresh folders."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from benchmarks.processes import Run, named, run_command

__all__ = ["ASIDE", "extract", "knows_profile", "melcli", "put_aside", "run_fresh", "script"]

ASIDE = "aside"  # the folder beside the outputs that they are put into

PEERS = Path(__file__).with_name("peers")


def melcli(*arguments: object) -> list[str]:
    """Return a command line of the melcli that is imported here."""
    return [sys.executable, "-m", "melcli", *map(str, arguments)]


def extract(folder: Path, out: Path, *arguments: object, jobs: int) -> list[str]:
    """Return the command that extracts a folder."""
    return melcli("extract", folder, "-o", out, "-j", jobs, "-q", *arguments)


def script(name: str, folder: Path, out: Path, *arguments: object) -> list[str]:
    """Return the command of a script in peers/."""
    return [sys.executable, str(PEERS / f"{name}.py"), str(folder), str(out), *map(str, arguments)]


def run_fresh(
    command: Sequence[str], out: Path, *, num_outputs: int | None = None, watch: Callable[[int], None] | None = None
) -> Run:
    """Run a command that makes ``out``, look at what it made, and put it aside.

    Parameters
    ----------
    command : sequence of str
    out : Path
        Put aside before, too.
    num_outputs : int, optional
        How many .npy files there have to be; nothing is timed that did not work.
    watch : callable, optional
        As of `run_command`.

    Raises
    ------
    RuntimeError
        It failed, or made something else.
    """
    put_aside(out)
    try:
        run = run_command(command, watch=watch)
        if num_outputs is not None:
            _look_at(out, num_outputs, command)
    finally:
        put_aside(out)
    return run


def put_aside(out: Path) -> None:
    """Take an output out of the way without removing it.

    ext4 passes over the inodes of files that were removed in the last seconds, one by one: 360 us for every file
    that is made after 3,000 were removed, and nobody's fault who is measured then.
    """
    if out.exists():
        aside = out.parent / ASIDE
        aside.mkdir(exist_ok=True)
        out.rename(aside / f"{out.name}-{secrets.token_hex(8)}")


def knows_profile() -> bool:
    """Tell whether this melcli can say where its time goes."""
    return "--profile" in run_command(melcli("extract", "--help")).output


def _look_at(out: Path, num_outputs: int, command: Sequence[str]) -> None:
    paths = list(out.rglob("*.npy"))
    if len(paths) != num_outputs:
        raise RuntimeError(f"{named(command)} made {len(paths)} arrays of {num_outputs}")
    for path in (paths[0], paths[-1]):
        array = np.load(path)
        if array.ndim != 2 or not np.isfinite(array).all() or array.std() == 0.0:
            raise RuntimeError(f"{named(command)} made {path.name} with shape {array.shape} that is no spectrogram")
