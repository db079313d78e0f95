"""``melcli extract``: the main job."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from melcli.cli.output import errors_as_json, tell, tell_json

if TYPE_CHECKING:
    from melcli.run.extract import Request
    from melcli.run.report import FailureLimit, Report

__all__ = ["extract"]


LINES_AT_A_TIME = 1000


class _FailureLimit(click.ParamType):  # type: ignore[type-arg]
    """``N`` or ``P%``."""

    name = "N|P%"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> FailureLimit:
        from melcli.run.report import FailureLimit

        try:
            limit = FailureLimit(percent=float(value[:-1])) if value.endswith("%") else FailureLimit(number=int(value))
        except ValueError:
            self.fail(f"{value!r} must be a number of inputs such as 10, or a percentage such as 1%", param, ctx)
        if not ((limit.number or 0) >= 0 and 0 <= (limit.percent or 0) <= 100):
            self.fail(f"{value!r} must be 0 or more, and a percentage 100 or less", param, ctx)
        return limit


@click.command()
@click.argument("inputs", metavar="INPUT...", nargs=-1, type=click.Path())
@click.option("-o", "--out", required=True, type=click.Path(), help="Folder for the features and the manifest.")
@click.option(
    "-c",
    "--config",
    default="keras",
    envvar="MELCLI_CONFIG",
    metavar="NAME|FILE",
    help="A named config or a YAML file.  [default: keras]",
)
@click.option(
    "-s",
    "--set",
    "sets",
    multiple=True,
    metavar="KEY=VALUE",
    help="Set a key of the config, such as num_mel_bins=80; may be repeated.",
)
@click.option("-f", "--format", "format_", type=click.Choice(["npy", "hdf5"]), help="Same as -s output.format=...")
@click.option(
    "-j",
    "--jobs",
    type=click.IntRange(1),
    envvar="MELCLI_JOBS",
    metavar="N",
    help="Worker processes.  [default: the processors that this process may use]",
)
@click.option(
    "-n",
    "--dry-run",
    is_flag=True,
    help="Print the plan (+ new, * stale, = done, ! failed, - without an input) and write nothing.",
)
@click.option(
    "--include",
    multiple=True,
    metavar="GLOB",
    help="Take files that match this, rather than those with an audio file's extension; may be repeated.",
)
@click.option(
    "--exclude", multiple=True, metavar="GLOB", help="Pass over files and folders that match this; may be repeated."
)
@click.option(
    "--files-from",
    type=click.Path(),
    metavar="FILE",
    help="Take INPUTs from a file too, one a line; - is standard input.",
)
@click.option(
    "--files-from0",
    type=click.Path(),
    metavar="FILE",
    help="The same, with a NUL after each, as find -print0 writes it.",
)
@click.option("--keep-extension", is_flag=True, help="Name outputs a.wav.npy, so that a.wav and a.flac stay apart.")
@click.option(
    "--overwrite",
    is_flag=True,
    help="Make everything anew, also what is done or was made with another config; starts over each time.",
)
@click.option("--checksum", is_flag=True, help="Tell changed inputs by their content rather than by size and time.")
@click.option("--retry-failed", is_flag=True, help="Try inputs that failed again, though they did not change.")
@click.option("--fail-fast", is_flag=True, help="Stop at the first failure: --max-failures 0.")
@click.option("--max-failures", type=_FailureLimit(), help="Stop after more failures than a number or a percentage.")
@click.option("--allow-empty", is_flag=True, help="End with 0 rather than 5 when no input matched.")
@click.option(
    "--progress",
    type=click.Choice(["auto", "bar", "lines", "none"]),
    default="auto",
    help="A bar, or a line every 30 s.  [default: a bar on a terminal, lines elsewhere]",
)
@click.option(
    "--profile", is_flag=True, help="Print where the workers' time went, stage by stage, and what the limit was."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output at the end.")
@click.option("-q", "--quiet", is_flag=True, help="Print failures and errors only.")
@click.option("-v", "--verbose", is_flag=True, help="Print the config and the plan's counts as well.")
def extract(**arguments: Any) -> int:
    """Turn audio files and folders into mel spectrograms.

    Folders are searched for audio files, at any depth; what libsndfile reads is read: WAV, FLAC, OGG, Opus, MP3, AIFF,
    AU, CAF, W64, RF64. Under OUT stands the same tree with .npy files, or HDF5 shards, and manifest.jsonl with a line
    on each input. The same command again does only what is new or changed. A bad file costs that file alone.

    \b
    melcli extract recordings -o features
    melcli extract recordings -o features -c keras_speech -s num_mel_bins=64
    melcli extract a.wav b.flac music/ -o features -f hdf5 -j 8
    find . -name '*.wav' -print0 | melcli extract --files-from0 - -o features

    \b
    Exit codes: 0 done, 2 usage or config, 3 some inputs failed, 5 no input, 6 cannot write,
    7 too many failures, 75 another melcli holds OUT, 129, 130, 143 stopped by a signal.
    Finished work is always kept.
    """
    with errors_as_json(arguments["as_json"]):
        request = _request(arguments)
        return _dry_run(request, arguments) if arguments["dry_run"] else _run(request, arguments)


def _run(request: Request, arguments: dict[str, Any]) -> int:
    from melcli.cli.progress import Progress
    from melcli.printable import printable
    from melcli.run.extract import extract as run

    progress = Progress(arguments["progress"], quiet=arguments["quiet"], verbose=arguments["verbose"])
    remark = _remark(request, arguments)
    if arguments["verbose"]:
        progress.write(
            f"config {printable(arguments['config'])}, config_id {request.config.config_id}, {request.workers} workers"
        )
    if remark:
        progress.write(remark)
    try:
        report = run(request, progress)
    finally:
        progress.close()
    if not arguments["quiet"]:
        if report.below_max_freq:
            progress.write(f"warning: {report.sources_below_max_freq()}")
        progress.write(report.sentence())
    if arguments["profile"] and report.workers:
        from melcli.run.profile import profile_lines

        for line in profile_lines(report):
            progress.write(line)
    if report.stopped_by is not None:
        progress.write(f"melcli: stopped ({report.stopped_by}); finished work is kept, the same command goes on")
    if arguments["as_json"]:
        tell_json(_as_json(report, arguments))
    return report.exit_code


def _as_json(report: Report, arguments: dict[str, Any]) -> dict[str, Any]:
    from melcli.run.profile import stage_seconds

    profile = {"stages_s": {stage: round(spent_s, 3) for stage, spent_s in stage_seconds(report).items()}}
    return report.plain() | (profile if arguments["profile"] else {})


def _dry_run(request: Request, arguments: dict[str, Any]) -> int:
    from melcli.printable import printable
    from melcli.run.extract import survey
    from melcli.run.plan import SIGNS

    surveyed = survey(request)
    plan = surveyed.plan
    if arguments["as_json"]:
        tell_json({"plan": [{"sign": plan.signs[item_id], "id": item_id} for item_id in sorted(plan.signs)]})
    else:
        lines = [f"{plan.signs[item_id]} {printable(item_id)}" for item_id in sorted(plan.signs)]
        for start in range(0, len(lines), LINES_AT_A_TIME):  # one flush each
            tell("\n".join(lines[start : start + LINES_AT_A_TIME]))
    if not arguments["quiet"]:
        counts = plan.counts()
        told = ", ".join(f"{counts[sign]:,} {meaning}" for sign, meaning in SIGNS.items())
        remarks = (_remark(request, arguments), surveyed.found.account, surveyed.found.warning)
        for line in filter(None, (*remarks, f"{told}; nothing was written")):
            click.echo(line, err=True)
    return 0


def _remark(request: Request, arguments: dict[str, Any]) -> str:
    """Return what is to be said of the config, once and not by every worker."""
    from melcli.config.remarks import remark_on_filters

    return "" if arguments["quiet"] else remark_on_filters(arguments["config"], request.config)


def _request(arguments: dict[str, Any]) -> Request:
    from melcli.config.resolve import resolve_config
    from melcli.run.engines.cpus import usable_cpus
    from melcli.run.extract import Request
    from melcli.run.plan import Rerun
    from melcli.run.report import FailureLimit
    from melcli.sources.options import SourceOptions

    listed = _listed(arguments)
    if not arguments["inputs"] and not (arguments["files_from"] or arguments["files_from0"]):
        raise click.UsageError("no INPUT: name files or folders, or give --files-from FILE")
    flags = {"output.format": arguments["format_"]} if arguments["format_"] else {}
    limit = arguments["max_failures"] or FailureLimit()
    return Request(
        inputs=arguments["inputs"],
        listed=listed,
        out=arguments["out"],
        config=resolve_config(arguments["config"], sets=arguments["sets"], flags=flags, environ=os.environ),
        sources=SourceOptions(
            include=arguments["include"], exclude=arguments["exclude"], keep_extension=arguments["keep_extension"]
        ),
        rerun=Rerun(
            overwrite=arguments["overwrite"],
            retry_failed=arguments["retry_failed"],
            checksum=arguments["checksum"],
        ),
        workers=arguments["jobs"] or usable_cpus(),
        limit=FailureLimit(number=0) if arguments["fail_fast"] else limit,
        allow_empty=arguments["allow_empty"],
    )


def _listed(arguments: dict[str, Any]) -> list[str]:
    from melcli.sources.lists import read_list

    listed = []
    if arguments["files_from"]:
        listed += read_list(arguments["files_from"], b"\n")
    if arguments["files_from0"]:
        listed += read_list(arguments["files_from0"], b"\0")
    return listed
