"""Work that is stopped again and again: each start goes on with what the last one left, until one comes through."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cli.shell import Ended, Run, run_alone, start
from tests.elapsed import Stopwatch
from tests.faults.loops import Tally
from tests.run.corpus import plant, tree
from tests.run.invariants import alive, check_after_fault, check_after_rerun, check_printed
from tests.store.rows import rows_of

__all__ = [
    "OVER",
    "WORKERS",
    "Corpus",
    "Undisturbed",
    "Work",
    "finished",
    "goes_on_for",
    "has_our_traceback",
    "kill_all",
]

WORKERS = 2
BATCHES_IN_FLIGHT = 2  # of a worker, which may all be finished before the driver has written down the first
BATCHES_PER_WORKER = 8  # that melcli cuts the files of an npy run into
OVER = 3  # exit code of a run that comes through: one input is bad
# A long FFT every few samples, so that there is work to interrupt, and little to store; several shards.
SETTINGS = (
    *("-s", "sampling_rate=8000", "-s", "fft_length=8192", "-s", "sequence_stride=16", "-s", "num_mel_bins=24"),
    *("-s", "output.dtype=float64", "-s", "output.shard_mb=1", "-j", str(WORKERS)),
)


@dataclass(frozen=True, kw_only=True)
class Undisturbed:
    """What a run that nothing disturbs leaves, and how long it takes."""

    tree: Mapping[str, bytes]
    whole_s: float


class Corpus:
    """Sounds of two lengths and a bad file.

    Parameters
    ----------
    folder : Path
        For the sounds, and for runs that nothing disturbs.
    files : int
        How many good ones.
    settings : tuple of str
        Of the runs on them.
    """

    def __init__(self, folder: Path, *, files: int, settings: tuple[str, ...] = SETTINGS) -> None:
        self.sounds = folder / "in"
        self.files = files
        self.settings = settings
        self._out = folder / "out"
        self._undisturbed: dict[str, Undisturbed] = {}
        plant(self.sounds, *[f"{number:03}.wav" for number in range(files // 2)], seconds=0.6)
        plant(self.sounds, *[f"{number:03}.wav" for number in range(files // 2, files)], seconds=0.8)  # come first
        (self.sounds / "bad.wav").write_bytes(b"")

    def undisturbed(self, format_: str) -> Undisturbed:
        """Extract without a disturbance, once for each format."""
        if format_ not in self._undisturbed:
            watch = Stopwatch()
            ended = run_alone("extract", self.sounds, *self.settings, "-f", format_, out=self._out)
            assert ended.code == OVER, ended
            self._undisturbed[format_] = Undisturbed(tree=tree(self._out), whole_s=watch.wall_s)
            shutil.rmtree(self._out)
        return self._undisturbed[format_]


class Work:
    """One OUT after another, on which runs are started and stopped.

    Parameters
    ----------
    corpus : Corpus
        What they extract.
    out : Path
        OUT; wiped once a run came through.
    format_ : str
        ``npy`` or ``hdf5``.
    *arguments : str
        More of the command line.
    keeps : bool
        Whether what was written down may never be lost.

    Attributes
    ----------
    through : int
        Runs that came through to the end.
    worst_lost : int
        Outputs that were finished and not yet written down, at most, in one stop.
    """

    def __init__(self, corpus: Corpus, out: Path, format_: str, *arguments: str, keeps: bool = True) -> None:
        self.out = out
        self.through = 0
        self.worst_lost = 0
        self._keeps = keeps
        self._corpus, self._format = corpus, format_
        self._arguments = ("extract", corpus.sounds, *corpus.settings, "-f", format_, *arguments)
        self._kept: dict[str, tuple[str, int, int]] = {}
        self._lost_before: set[tuple[Path, int]] = set()
        self._run: Run | None = None

    @contextmanager
    def round(self, tally: Tally) -> Iterator[None]:
        """Count a round; after a violation the next one begins again."""
        before = len(tally.violations)
        with tally.round():
            yield
        if len(tally.violations) > before:
            self.wipe()

    def start(self, *arguments: str, **options: Any) -> Run:
        """Start a run on what the last one left."""
        assert self._undisturbed.tree  # extracted now, and not while the run goes on
        self._kept = finished(self.out) if self._keeps else {}
        self._lost_before = self._lost(self._kept)
        self._run = start(*self._arguments, *arguments, out=self.out, **options)
        return self._run

    def check_stopped(self, run: Run) -> Ended:
        """Hold OUT against the oracle after a fault, and say how the run ended.

        Nothing that was written down may be lost, nothing may be blamed but the bad file, and a worker may lose the
        two batches that it has in hand.
        """
        check_after_fault(self.out, session=run.process.pid)  # before `Run.end`, which waits for whoever holds a pipe
        ended = run.end()
        check_printed(ended.err)
        assert not has_our_traceback(ended.err), ended.err
        self._check_lost(self._check_kept())
        return ended

    def check_through(self, ended: Ended) -> None:
        """Hold OUT against the oracle after a run that came to its end, and wipe it."""
        assert ended.code == OVER, ended
        self._check_kept()
        check_after_rerun(self.out, self._undisturbed.tree, said=ended.err)
        self.through += 1
        shutil.rmtree(self.out)

    def come_through(self) -> None:
        """Let the next run come to its end and check it."""
        self.check_through(self.start().end())

    def wipe(self) -> None:
        """End a run that may still go on, and remove OUT, so that the next one begins again."""
        if self._run is not None:
            kill_all(self._run)
        shutil.rmtree(self.out, ignore_errors=True)

    @property
    def whole_s(self) -> float:
        """Seconds that a run from the beginning takes if nothing disturbs it."""
        return self._undisturbed.whole_s

    @property
    def _undisturbed(self) -> Undisturbed:
        return self._corpus.undisturbed(self._format)

    @property
    def is_started(self) -> bool:
        """Whether any run was started."""
        return self._run is not None

    @property
    def is_begun(self) -> bool:
        """Whether the last run that was started has written anything down."""
        return finished(self.out) != self._kept

    def _check_kept(self) -> dict[str, tuple[str, int, int]]:
        now = finished(self.out)
        redone = [item_id for item_id, file in self._kept.items() if now.get(item_id) != file]
        assert redone == [], "finished work was lost or done again"
        return now

    def _lost(self, now: Mapping[str, tuple[str, int, int]]) -> set[tuple[Path, int]]:
        """Return the outputs that are there and in no row, with their inodes: one that is made again has another."""
        named = {path for path, _, _ in now.values()}
        outputs = [path for path in self.out.rglob("*") if path.suffix in {".npy", ".h5"}]
        return {(path, path.stat().st_ino) for path in outputs if str(path.relative_to(self.out)) not in named}

    def _check_lost(self, now: Mapping[str, tuple[str, int, int]]) -> None:
        lost = self._lost(now) - self._lost_before  # by this run, and not by the one before
        self.worst_lost = max(self.worst_lost, len(lost))
        if any(path.suffix == ".npy" for path, _ in lost):
            to_do = self._corpus.files - len(self._kept)
            most = BATCHES_IN_FLIGHT * WORKERS * max(1, to_do // (BATCHES_PER_WORKER * WORKERS))
        else:
            most = BATCHES_IN_FLIGHT * WORKERS
        assert len(lost) <= most, f"{len(lost)} outputs were finished and not written down, and {most} may be"


def goes_on_for(run: Run, seconds: float) -> bool:
    """Wait; tell whether the run still goes on then."""
    try:
        run.process.wait(seconds)
    except subprocess.TimeoutExpired:
        return True
    return False


def kill_all(run: Run) -> None:
    """Kill whoever is left of a run."""
    if alive(run.process.pid):  # or the number may have come again
        with suppress(ProcessLookupError):
            os.killpg(run.process.pid, signal.SIGKILL)
    run.end()


def has_our_traceback(said: str) -> bool:
    """Whether a traceback was printed, but for one of Python itself, which had not come to melcli's `main` yet."""
    return "Traceback" in said and any(part in said for part in ("/melcli/cli/", "/melcli/run/", "multiprocessing"))


def finished(out: Path) -> dict[str, tuple[str, int, int]]:
    """Return what OUT's books say is done: by id the output's path, its inode and its time of last change."""
    found = {}
    for row in rows_of(out):
        assert row.reason in {None, "empty"}, row
        if row.path is not None:
            status = (out / row.path).stat()
            found[row.id] = (row.path, status.st_ino, status.st_mtime_ns)
    return found
