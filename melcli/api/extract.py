"""Extract features of files, folders and tables from Python: `extract`."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterable, Mapping, Sequence

from melcli.addresses import refuse_url
from melcli.api.configs import as_config
from melcli.api.report import ExtractReport, report_of
from melcli.config.config import Config
from melcli.errors import ConfigError
from melcli.explain.filter_warning import remark_on_filters
from melcli.run.engines.cpus import usable_cpus
from melcli.run.extract import extract as run
from melcli.run.interrupts import Interrupted, Interrupts
from melcli.run.limits import Limits
from melcli.run.plan import Rerun
from melcli.run.planner.planner import Planner
from melcli.run.report import Listener, Report
from melcli.run.request import Request
from melcli.run.summary import cut_warning, low_rates_warning
from melcli.run.worker_losses import WorkerLoss
from melcli.sources.found import Found
from melcli.sources.options import SourceOptions
from melcli.sources.tables.options import TableOptions
from melcli.sources.tables.request import Format
from melcli.store.rows import FailedRow

__all__ = ["extract"]

WARNING = "warning: "


Paths = str | os.PathLike[str] | Iterable[str | os.PathLike[str]]


def extract(
    inputs: Paths,
    out: str | os.PathLike[str],
    *,
    config: str | os.PathLike[str] | Config = "keras",
    jobs: int | None = None,
    tables: Paths = (),
    table_format: Format | None = None,
    columns: Mapping[str, str] | None = None,
    root: str | os.PathLike[str] | None = None,
    path_template: str | None = None,
    allow_commands: bool = False,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    overwrite: bool = False,
    retry_failed: bool = False,
    max_duration_s: float | None = None,
    min_duration_s: float | None = None,
    timeout_per_item_s: float | None = None,
    max_time_s: float | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> ExtractReport:
    """Extract the features of audio files and folders into OUT: what ``melcli extract`` does, from Python.

    The work is done in worker processes.  They do not import the calling program, so neither a script nor a notebook
    needs ``if __name__ == "__main__":``.  Nothing is printed.

    Parameters
    ----------
    inputs : str, path, or iterable of them
        Files and folders, which are searched at any depth; a folder with ``wav.scp`` is a Kaldi data folder.  May be
        empty if there are tables.
    out : str or path
        OUT.  The same call again processes only new and changed inputs.
    config : str, path or Config
        A named config, a YAML file, or what `melcli.load_config` returned.
    jobs : int, optional
        Number of worker processes; by default the available processors.
    tables : str, path, or iterable of them
        Tables of recordings and pieces of them, as of ``--table``.
    table_format : str, optional
        ``csv``, ``tsv``, ``pipe``, ``space`` or ``jsonl``; by default by extension or first line.
    columns : Mapping, optional
        Columns of the tables by what they are: ``{"path": "clip", "text": "sentence"}``, as of ``--column``.
    root : str or path, optional
        Folder of relative paths in tables and Kaldi folders; by default that of the table, or the current folder.
    path_template : str, optional
        Makes paths from columns: ``wavs/{id}.wav``.
    allow_commands : bool
        Run the commands in the ``wav.scp`` of a Kaldi folder.
    include, exclude : sequence of str
        Globs, as of the options ``--include`` and ``--exclude``.
    overwrite : bool
        Recompute every input, also if OUT was made with another config.
    retry_failed : bool
        Retry all inputs that failed, even if they did not change.
    max_duration_s : float, optional
        Inputs that are longer fail as ``too_long``.
    min_duration_s : float, optional
        Inputs that are shorter fail as ``too_short``.
    timeout_per_item_s : float, optional
        Inputs that take longer fail as ``timeout``.
    max_time_s : float, optional
        Start no more work after this time; the same call again resumes.
    progress : callable, optional
        Called with the number of finished inputs and of all inputs of this run, after every batch and at least twice
        a second.

    Returns
    -------
    report : ExtractReport
        Counts, failures, warnings, and the exit code that the command would have.  Failed inputs raise nothing.

    Raises
    ------
    ConfigError
        The config or an argument breaks a rule, OUT was made with another config, or two inputs have the same id
        (`NameClash`).  No work was done.
    NoInput
        No audio file matched.
    StorageError
        OUT cannot be read or written.
    OutputBusy
        Another run uses OUT.
    WorkersFailing
        Worker processes cannot start, or keep crashing.
    KeyboardInterrupt
        Ctrl-C.  Batches that were being processed are finished first, unless it is pressed again.

    Notes
    -----
    Whatever is raised, finished work is kept, and the same call resumes.  In the main thread, SIGINT, SIGTERM and
    SIGHUP first stop the run; then your own handlers are back, and the signal is delivered to them.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as out:
    ...     report = extract("sample_audio", out, config="whisper", jobs=1)
    >>> report.ok, report.failed, report.exit_code
    (7, 0, 0)
    """
    table_paths = _paths(tables, may_be_empty=True)
    request = Request(
        inputs=_paths(inputs, may_be_empty=bool(table_paths)),
        out=_out(out),
        config=as_config(config),
        sources=SourceOptions(
            include=tuple(include),
            exclude=tuple(exclude),
            tables=_tables(table_paths, table_format, columns or {}, root, path_template),
            allow_commands=allow_commands,
        ),
        rerun=Rerun(overwrite=overwrite, retry_failed=retry_failed),
        workers=usable_cpus() if jobs is None else jobs,
        limits=Limits(
            max_duration_s=max_duration_s,
            min_duration_s=min_duration_s,
            timeout_per_item_s=timeout_per_item_s,
            max_time_s=max_time_s,
        ),
    )
    _check(request)
    listener = _Listener(progress)
    listener.remark(config, request.config)
    return _run(request, listener)


def _run(request: Request, listener: _Listener) -> ExtractReport:
    interrupts = Interrupts(ends_process=False)
    report: Report | None = None
    refused: Interrupted | None = None
    try:
        with Planner(listener.warned) as planner:
            report = run(request, listener, planner, interrupts)
    except Interrupted as error:
        refused = error
    if interrupts.number is not None:
        signal.raise_signal(interrupts.number)  # to the handlers of the caller, which are back
    if report is None:
        raise refused or AssertionError("a run gives a report, or raises")
    warnings = [*listener.warnings, *filter(None, (cut_warning(report), low_rates_warning(report)))]
    return report_of(report, warnings)


def _paths(inputs: Paths, *, may_be_empty: bool) -> list[str]:
    given = [inputs] if isinstance(inputs, str | bytes | os.PathLike) else list(inputs)
    if not given and not may_be_empty:
        raise ConfigError("inputs is empty", hint="name files, folders or tables")
    return [os.fsdecode(path) for path in given]


def _tables(
    paths: Sequence[str],
    table_format: Format | None,
    columns: Mapping[str, str],
    root: str | os.PathLike[str] | None,
    path_template: str | None,
) -> TableOptions:
    return TableOptions(
        tables=tuple(paths),
        table_format=table_format,
        columns=tuple(f"{name}={column}" for name, column in columns.items()),
        root=None if root is None else os.fsdecode(root),
        path_template=path_template,
    )


def _out(out: str | os.PathLike[str]) -> str:
    path = os.fsdecode(out)
    if not path:
        raise ConfigError("out is empty", hint="name a folder")
    refuse_url("OUT", path)
    return path


def _check(request: Request) -> None:
    """Refuse numbers that the options of the command refuse."""
    if isinstance(request.workers, bool) or not isinstance(request.workers, int) or request.workers < 1:
        raise ConfigError(f"jobs={request.workers!r} must be an integer of 1 or more")
    limits = request.limits
    for name in ("max_duration_s", "min_duration_s", "timeout_per_item_s", "max_time_s"):
        seconds = getattr(limits, name)
        if seconds is not None and not 0 < seconds < float("inf"):
            raise ConfigError(f"{name}={seconds!r} must be above 0 and finite")
    longest_s, shortest_s = limits.max_duration_s, limits.min_duration_s
    if longest_s is not None and shortest_s is not None and shortest_s > longest_s:
        raise ConfigError(f"min_duration_s={shortest_s:g} is above max_duration_s={longest_s:g}")


class _Listener(Listener):
    """Keeps the warnings of a run, and passes its progress on."""

    def __init__(self, progress: Callable[[int, int], None] | None) -> None:
        self.warnings: list[str] = []
        self._progress = progress

    def remark(self, config: str | os.PathLike[str] | Config, resolved: Config) -> None:
        """Warn of empty filters, as the command does."""
        name = config if isinstance(config, str) else "config"
        remark = remark_on_filters(name, resolved)
        if remark.startswith(WARNING):
            self.warnings.append(remark.removeprefix(WARNING))

    def found(self, found: Found) -> None:
        pass

    def warned(self, warning: str) -> None:
        self.warnings.append(warning)

    def planned(self, report: Report) -> None:
        self.advanced(report)

    def failed(self, row: FailedRow) -> None:
        pass

    def worker_lost(self, loss: WorkerLoss) -> None:
        pass

    def retrying(self, num_inputs: int, *, batches: int) -> None:
        pass

    def stopping(self, report: Report, num_batches: int) -> None:
        """Do nothing; the signal is raised again at the end."""

    def advanced(self, report: Report) -> None:
        if self._progress is not None:
            self._progress(report.done + report.failed, report.to_do)
