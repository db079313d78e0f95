"""Work that is stopped repeatedly: each run resumes from what the last one left, until one completes."""

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
    "PartsCorpus",
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
BATCHES_IN_FLIGHT = 2  # per worker; all of them may finish before the driver records the first
BATCHES_PER_WORKER = 8  # into which melcli divides the files of an npy run
OVER = 3  # exit code of a run that completes: one input is bad
# A long FFT every few samples, so that there is much to interrupt and little to store; several shards.
SETTINGS = (
    *("-s", "sampling_rate=8000", "-s", "fft_length=8192", "-s", "sequence_stride=16", "-s", "num_mel_bins=24"),
    *("-s", "output.dtype=float64", "-s", "output.shard_mb=1", "-j", str(WORKERS)),
)


@dataclass(frozen=True, kw_only=True)
class Undisturbed:
    """The result and the duration of an undisturbed run."""

    tree: Mapping[str, bytes]
    whole_s: float


class Corpus:
    """Sounds of two lengths and a bad file.

    Parameters
    ----------
    folder : Path
        Folder for the sounds and for undisturbed runs.
    files : int
        Number of good files.
    settings : tuple of str
        Options of all runs.

    Attributes
    ----------
    inputs : tuple
        Arguments that name the inputs.
    """

    def __init__(self, folder: Path, *, files: int, settings: tuple[str, ...] = SETTINGS) -> None:
        self.sounds = folder / "in"
        self.inputs: tuple[Any, ...] = (self.sounds,)
        self.files = files
        self.settings = settings
        self._out = folder / "out"
        self._undisturbed: dict[str, Undisturbed] = {}
        self._plant()

    def _plant(self) -> None:
        files = self.files
        plant(self.sounds, *[f"{number:03}.wav" for number in range(files // 2)], seconds=0.6)
        plant(self.sounds, *[f"{number:03}.wav" for number in range(files // 2, files)], seconds=0.8)  # run first
        (self.sounds / "bad.wav").write_bytes(b"")

    def undisturbed(self, format_: str) -> Undisturbed:
        """Extract without a disturbance, once per format."""
        if format_ not in self._undisturbed:
            watch = Stopwatch()
            ended = run_alone("extract", *self.inputs, *self.settings, "-f", format_, out=self._out)
            assert ended.code == OVER, ended
            self._undisturbed[format_] = Undisturbed(tree=tree(self._out), whole_s=watch.wall_s)
            shutil.rmtree(self._out)
        return self._undisturbed[format_]


class PartsCorpus(Corpus):
    """Parts of three recordings, which a table lists, and a part of a bad file; the last recording cannot seek."""

    RECORDINGS = ("a.wav", "b.flac", "c.mp3")

    def _plant(self) -> None:
        paths = plant(self.sounds, *self.RECORDINGS, seconds=self.files * 0.3)
        (self.sounds / "bad.wav").write_bytes(b"")
        table = self.sounds.parent / "parts.csv"
        rows = ["id,path,start,end,speaker", f"bad,{self.sounds / 'bad.wav'},0,1,nobody"]
        for number in range(self.files):
            path = paths[number % len(paths)]
            start_s = number // len(paths) * 0.6
            rows.append(f"{number:03},{path},{start_s:.2f},{start_s + (0.6 if number % 2 else 0.8):.2f},s{number % 5}")
        table.write_text("\n".join(rows) + "\n")
        self.inputs = ("--table", table)


class Work:
    """A sequence of OUTs on which runs are started and stopped.

    Parameters
    ----------
    corpus : Corpus
        The inputs.
    out : Path
        OUT; removed after a run completes.
    format_ : str
        ``npy`` or ``hdf5``.
    *arguments : str
        Additional arguments.
    keeps : bool
        Whether recorded work must never be lost.

    Attributes
    ----------
    through : int
        Number of completed runs.
    worst_lost : int
        Maximum number of finished outputs that one stop lost before they were recorded.
    """

    def __init__(self, corpus: Corpus, out: Path, format_: str, *arguments: str, keeps: bool = True) -> None:
        self.out = out
        self.through = 0
        self.worst_lost = 0
        self._keeps = keeps
        self._corpus, self._format = corpus, format_
        self._arguments = ("extract", *corpus.inputs, *corpus.settings, "-f", format_, *arguments)
        self._kept: dict[str, tuple[str, int, int]] = {}
        self._lost_before: set[tuple[Path, int]] = set()
        self._run: Run | None = None

    @contextmanager
    def round(self, tally: Tally) -> Iterator[None]:
        """Count a round; after a violation the next one starts from the beginning."""
        before = len(tally.violations)
        with tally.round():
            yield
        if len(tally.violations) > before:
            self.wipe()

    def start(self, *arguments: str, **options: Any) -> Run:
        """Start a run on what the last one left."""
        assert self._undisturbed.tree  # extracted now, not during the run
        self._kept = finished(self.out) if self._keeps else {}
        self._lost_before = self._lost(self._kept)
        self._run = start(*self._arguments, *arguments, out=self.out, **options)
        return self._run

    def check_stopped(self, run: Run) -> Ended:
        """Check OUT after a fault, and return how the run ended.

        No recorded work may be lost, only the bad file may be blamed, and a worker may lose its two batches in
        progress.
        """
        check_after_fault(self.out, session=run.process.pid)  # before `Run.end`, which waits for all that hold a pipe
        ended = run.end()
        check_printed(ended.err)
        assert not has_our_traceback(ended.err), ended.err
        self._check_lost(self._check_kept())
        return ended

    def check_through(self, ended: Ended) -> None:
        """Check OUT after a completed run, and remove it."""
        assert ended.code == OVER, ended
        self._check_kept()
        check_after_rerun(self.out, self._undisturbed.tree, said=ended.err)
        self.through += 1
        shutil.rmtree(self.out)

    def come_through(self) -> None:
        """Let the next run complete and check it."""
        self.check_through(self.start().end())

    def wipe(self) -> None:
        """End a run that may still be in progress, and remove OUT, so that the next one starts from the beginning."""
        if self._run is not None:
            kill_all(self._run)
        shutil.rmtree(self.out, ignore_errors=True)

    @property
    def whole_s(self) -> float:
        """Seconds that a complete run takes if nothing disturbs it."""
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
        """Whether the last started run has recorded any work."""
        return finished(self.out) != self._kept

    def _check_kept(self) -> dict[str, tuple[str, int, int]]:
        now = finished(self.out)
        redone = [item_id for item_id, file in self._kept.items() if now.get(item_id) != file]
        assert redone == [], "finished work was lost or done again"
        return now

    def _lost(self, now: Mapping[str, tuple[str, int, int]]) -> set[tuple[Path, int]]:
        """Return the outputs without a row, with their inodes: a recomputed output has another inode."""
        named = {path for path, _, _ in now.values()}
        outputs = [path for path in self.out.rglob("*") if path.suffix in {".npy", ".h5"}]
        return {(path, path.stat().st_ino) for path in outputs if str(path.relative_to(self.out)) not in named}

    def _check_lost(self, now: Mapping[str, tuple[str, int, int]]) -> None:
        lost = self._lost(now) - self._lost_before  # by this run, not by the one before
        self.worst_lost = max(self.worst_lost, len(lost))
        if any(path.suffix == ".npy" for path, _ in lost):
            to_do = self._corpus.files - len(self._kept)
            most = BATCHES_IN_FLIGHT * WORKERS * max(1, to_do // (BATCHES_PER_WORKER * WORKERS))
        else:
            most = BATCHES_IN_FLIGHT * WORKERS
        assert len(lost) <= most, f"{len(lost)} outputs were finished and not written down, and {most} may be"


def goes_on_for(run: Run, seconds: float) -> bool:
    """Wait; return whether the run is still in progress."""
    try:
        run.process.wait(seconds)
    except subprocess.TimeoutExpired:
        return True
    return False


def kill_all(run: Run) -> None:
    """Kill all remaining processes of a run."""
    if alive(run.process.pid):  # otherwise the number may have been reused
        with suppress(ProcessLookupError):
            os.killpg(run.process.pid, signal.SIGKILL)
    run.end()


def has_our_traceback(said: str) -> bool:
    """Return whether a traceback was printed, except one of Python itself before melcli's `main`."""
    return "Traceback" in said and any(part in said for part in ("/melcli/cli/", "/melcli/run/", "multiprocessing"))


def finished(out: Path) -> dict[str, tuple[str, int, int]]:
    """Return the finished outputs by manifest and journal: path, inode and time of change, by id."""
    found = {}
    for row in rows_of(out):
        assert row.reason in {None, "empty"}, row
        if row.path is not None:
            status = (out / row.path).stat()
            found[row.id] = (row.path, status.st_ino, status.st_mtime_ns)
    return found
