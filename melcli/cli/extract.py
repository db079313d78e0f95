"""``melcli extract``: extract features."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from melcli.cli.completion import complete_config, complete_setting
from melcli.cli.grouped import GroupedCommand
from melcli.cli.inputs import has_inputs, input_options, listed_inputs, retry_reason_option, source_options
from melcli.cli.limit_options import Seconds, WholeNumber, bound_options, failure_limit, limits
from melcli.cli.log_option import log_file_option
from melcli.cli.normalize_option import normalize_option
from melcli.cli.output import errors_as_json, say, tell_json, warn
from melcli.cli.plan import plain_plan, tell_plan, totals
from melcli.cli.refusals import WrongUsage

if TYPE_CHECKING:
    from melcli.cli.listeners import Listeners
    from melcli.cli.progress import Progress
    from melcli.config.config import Config
    from melcli.run.estimate import Estimate
    from melcli.run.extract import Survey
    from melcli.run.planner.planner import Planner
    from melcli.run.report import Report
    from melcli.run.request import Request
    from melcli.run.to_do import ToDo

__all__ = ["extract"]

CONFIG_VARIABLE = "MELCLI_CONFIG"
WARNING = "warning: "
FLAGS = {  # that set a key of the config
    "format_": "output.format",
    "chunk": "audio.chunk_s",
    "chunk_hop": "audio.chunk_hop_s",
    "chunk_last": "audio.chunk_last",
    "decoder": "audio.decoder",
    "stream": "audio.stream",
}

GROUPS = {
    "Input": ("include", "exclude", "files_from", "files_from0", "follow_symlinks", "allow_empty"),
    "Tables": ("tables", "table_format", "columns", "root", "path_template", "allow_commands"),
    "Features": ("config", "sets", "normalize", "chunk", "chunk_hop", "chunk_last"),
    "Decoding": ("decoder", "stream"),
    "Output": ("out", "format_", "keep_extension", "durability"),
    "Reruns": ("dry_run", "overwrite", "checksum", "retry_failed", "retry_reasons", "known_failures_ok"),
    "Limits": (
        *("jobs", "max_time", "max_duration", "min_duration", "timeout_per_item", "max_memory_per_worker"),
        *("fail_fast", "max_failures"),
    ),
    "Display": ("progress", "profile", "as_json", "quiet", "verbose", "log_file"),
}


@click.command(cls=GroupedCommand, groups=GROUPS)
@click.argument("inputs", metavar="INPUT...", nargs=-1, type=click.Path())
@click.option(
    "-o", "--out", required=True, type=click.Path(readable=False), help="Folder for the features and the manifest."
)
@click.option(
    "-c",
    "--config",
    default="keras",
    envvar=CONFIG_VARIABLE,
    metavar="NAME|FILE",
    shell_complete=complete_config,
    help="A named config or a YAML file.  [default: keras]",
)
@click.option(
    "-s",
    "--set",
    "sets",
    multiple=True,
    metavar="KEY=VALUE",
    shell_complete=complete_setting,
    help="Set a key of the config, such as num_mel_bins=80; can be repeated.",
)
@click.option(
    "--chunk",
    type=Seconds(),
    help="Divide each input into chunks of this length: a.00000, a.00001, ...; same as -s audio.chunk_s=...",
)
@click.option(
    "--chunk-hop", type=Seconds(), help="Time between the starts of chunks.  [default: the length of a chunk]"
)
@click.option(
    "--chunk-last",
    type=click.Choice(["keep", "pad", "drop"]),
    help="Keep a shorter last chunk, pad it with zeros, or drop it.  [default: keep]",
)
@normalize_option
@click.option("-f", "--format", "format_", type=click.Choice(["npy", "hdf5"]), help="Same as -s output.format=...")
@click.option(
    "--decoder",
    type=click.Choice(["auto", "libsndfile", "ffmpeg"]),
    help="Decode with libsndfile, and with ffmpeg what libsndfile does not support (auto), or with one of them."
    "  [default: auto]",
)
@click.option(
    "--stream",
    type=WholeNumber(0, hint="write the number of the audio stream, counted from 0"),
    metavar="N",
    help="Decode this audio stream of files that have several, such as videos.  [default: 0, the first]",
)
@click.option(
    "-j",
    "--jobs",
    type=WholeNumber(1, hint="leave -j out to use the available processors"),
    envvar="MELCLI_JOBS",
    metavar="N",
    help="Number of worker processes.  [default: the available processors]",
)
@click.option(
    "-n",
    "--dry-run",
    is_flag=True,
    help="Print the totals of the plan, and write nothing; -v lists the items"
    " (+ new, * stale, = done, ! failed, - without an input).",
)
@input_options
@click.option(
    "--overwrite",
    is_flag=True,
    help="Recompute every input, also if OUT was made with another config; each run starts over.",
)
@click.option("--checksum", is_flag=True, help="Detect changed inputs by content instead of size and time.")
@click.option("--retry-failed", is_flag=True, help="Retry all inputs that failed, even if they did not change.")
@retry_reason_option("Retry inputs that failed for this reason, such as timeout; can be repeated.")
@bound_options
@click.option(
    "--known-failures-ok",
    is_flag=True,
    help="Exit with 0 instead of 3 if all failed inputs failed in earlier runs and are not retried.",
)
@click.option("--allow-empty", is_flag=True, help="Exit with 0 instead of 5 if no input matches.")
@click.option(
    "--progress",
    type=click.Choice(["auto", "bar", "lines", "none"]),
    default="auto",
    help="Show a bar, or a line every 30 s.  [default: a bar on a terminal, lines elsewhere]",
)
@click.option(
    "--profile", is_flag=True, help="Print the time that the workers spent in each stage, and the bottleneck."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output at the end.")
@click.option("-q", "--quiet", is_flag=True, help="Print only failures, errors and warnings about lost audio.")
@click.option(
    "-v",
    "--verbose",
    is_flag=True,
    help="Also print run id, config and plan; with -n its items.",
)
@log_file_option
def extract(**arguments: Any) -> int:
    """Extract mel spectrograms of audio files and folders.

    melcli searches folders for audio files at any depth. It reads WAV, FLAC, Ogg Vorbis, Opus, MP3, MP2, AIFF, AU,
    CAF, W64, RF64 and SPHERE. If ffmpeg is installed, it also reads other audio and video, such as M4A, MP4 and WebM;
    otherwise such files fail. OUT gets .npy files in the same folders as the inputs, or HDF5 shards, and
    manifest.jsonl with a line for each input. A rerun of the same command processes only new and changed inputs. If a
    file is bad, only that file fails.

    \b
    melcli extract recordings -o features
    melcli extract recordings -o features -c keras_speech -s num_mel_bins=64
    melcli extract a.wav b.flac music/ -o features -f hdf5 -j 8
    find . -name '*.wav' -print0 | melcli extract --files-from0 - -o features
    melcli extract --table train.csv -o features --chunk 30s

    \b
    Exit codes:
      0   done
      2   usage or config
      3   some inputs failed
      5   no input matched
      6   OUT cannot be written
      7   too many failures
      10  --max-time was reached
      75  another melcli uses OUT
      129, 130, 143  stopped by a signal
    melcli always keeps finished work; run the same command again to resume.
    """
    from melcli.cli.run_log import new_run_id

    if arguments["dry_run"]:
        with errors_as_json(arguments["as_json"]):
            return _dry_run(_request(arguments), arguments)
    run_id = new_run_id()
    with errors_as_json(arguments["as_json"], run_id=run_id):
        return _logged_run(arguments, run_id)


def _logged_run(arguments: dict[str, Any], run_id: str) -> int:
    from dataclasses import replace

    from melcli.cli.listeners import Listeners
    from melcli.cli.progress import Progress
    from melcli.cli.run_log import RunLog
    from melcli.run.planner.planner import Planner

    progress = Progress(arguments["progress"], quiet=arguments["quiet"], verbose=arguments["verbose"])
    told = Listeners(progress)
    with (
        Planner(told.warned) as planner,
        RunLog(arguments["log_file"], out=arguments["out"], run_id=run_id, tell=told.warned) as log,
    ):
        told.add(log)
        request = replace(_request(arguments), own_files=log.identities)
        log.configured(request, arguments["config"])
        if arguments["verbose"]:
            progress.write(f"run {run_id}")
        report = _run(request, arguments, progress, told, planner)
        if arguments["as_json"]:
            more = {"run_id": run_id, "warnings": told.warnings}
            tell_json(_as_json(report, arguments) | more)
        log.ended(report)
        return report.exit_code


def _run(request: Request, arguments: dict[str, Any], progress: Progress, told: Listeners, planner: Planner) -> Report:
    from melcli.explain.filter_warning import remark_on_filters
    from melcli.printable import printable
    from melcli.run.extract import extract as run

    if arguments["verbose"]:
        progress.write(
            f"config {printable(arguments['config'])}, config_id {request.config.config_id}, {request.workers} workers"
        )
    silent = progress if arguments["quiet"] else None
    remark = remark_on_filters(arguments["config"], request.config)
    if remark.startswith(WARNING):
        told.warned(remark.removeprefix(WARNING), skip=silent)
    elif remark and not arguments["quiet"]:
        progress.write(remark)
    try:
        report = run(request, told, planner)
    finally:
        progress.close()
    _summarize(report, progress, told, quiet=arguments["quiet"], config=_config_in_words(arguments, request.config))
    if arguments["profile"] and report.workers:
        from melcli.run.profile import profile_lines

        for line in profile_lines(report):
            progress.write(line)
    if report.stopped_by is not None:
        progress.write(f"melcli: stopped ({report.stopped_by}); finished work is kept; run the same command to resume")
    elif report.left:
        progress.write(f"melcli: internal error: {report.left:,} inputs were not processed; please report it")
    return report


def _config_in_words(arguments: dict[str, Any], config: Config) -> str:
    """Name the config, and the key that the command line or the environment set; of several keys the number."""
    given = [
        origin
        for origin in config.origins.values()
        if origin.startswith(("--", "MELCLI_")) and not origin.startswith(f"{CONFIG_VARIABLE}=")
    ]
    if not given:
        return f"config {arguments['config']}"
    keys = given[0].removeprefix("--set ") if len(given) == 1 else f"{len(given)} keys set"
    return f"config {arguments['config']} with {keys}"


def _summarize(report: Report, progress: Progress, told: Listeners, *, quiet: bool, config: str) -> None:
    """Write warnings and the summary; a quiet run only warns about audio that was cut off."""
    from melcli.run import summary
    from melcli.run.worker_losses import losses_in_words

    if warning := summary.cut_warning(report):
        told.warned(warning)
    if warning := summary.low_rates_warning(report):
        told.warned(warning, skip=progress if quiet else None)
    if quiet:
        return
    remarks = (
        summary.truncated_note(report),
        summary.more_streams_note(report),
        losses_in_words(report.losses, report.retried_alone),
        summary.failed_before_note(report),
        summary.without_input_note(report),
    )
    for line in (*filter(None, remarks), summary.summary_line(report, config)):
        progress.write(line)


def _as_json(report: Report, arguments: dict[str, Any]) -> dict[str, Any]:
    from melcli.run.profile import stage_seconds
    from melcli.run.summary import plain_report

    profile = {"stages_s": {stage: round(spent_s, 3) for stage, spent_s in stage_seconds(report).items()}}
    return plain_report(report) | (profile if arguments["profile"] else {})


def _dry_run(request: Request, arguments: dict[str, Any]) -> int:
    from melcli.audio.ffmpeg.program import refuse_unusable
    from melcli.run.extract import survey
    from melcli.run.planner.planner import Planner
    from melcli.scratch import Scratch

    refuse_unusable(request.config.audio.decoder)
    with Planner(warn) as planner, Scratch() as scratch:
        surveyed = survey(request, scratch, planner)
        planner.close()
        return _tell_survey(surveyed, request, arguments)


def _tell_survey(surveyed: Survey, request: Request, arguments: dict[str, Any]) -> int:
    plan, quiet = surveyed.plan, arguments["quiet"]
    space = None if quiet and not arguments["as_json"] else _expected_space(request, plan.to_do())
    if not quiet:
        remarks = (_remark(request, arguments), surveyed.found.account, surveyed.found.warning)
        listing = "" if arguments["verbose"] or arguments["as_json"] else "; -v lists the items"
        for line in filter(None, (*totals(plan, space, request.workers), *remarks, f"nothing was written{listing}")):
            say(line)
    if arguments["as_json"]:
        tell_json({"plan": plain_plan(plan), "space": space and space.to_json()})
    elif arguments["verbose"]:
        tell_plan(plan)
    return 0


def _expected_space(request: Request, to_do: ToDo) -> Estimate | None:
    """Estimate the disk space that a run needs; None if there is nothing to do, or no worker can start."""
    from melcli.errors import WorkersFailing
    from melcli.run.estimate import expected_space_alone

    if not len(to_do):
        return None
    try:
        return expected_space_alone(
            request.config, to_do, out=request.out, workers=request.workers, limits=request.limits
        )
    except WorkersFailing as error:
        warn(f"how much room is needed is not known: {error}")
        return None


def _remark(request: Request, arguments: dict[str, Any]) -> str:
    """Return what is to be said of the config, once and not by every worker."""
    from melcli.explain.filter_warning import remark_on_filters

    return "" if arguments["quiet"] else remark_on_filters(arguments["config"], request.config)


def _request(arguments: dict[str, Any]) -> Request:
    from melcli.addresses import refuse_url
    from melcli.config.resolve import resolve_config
    from melcli.run.engines.cpus import usable_cpus
    from melcli.run.plan import Rerun
    from melcli.run.request import Request

    if not arguments["out"]:
        raise WrongUsage("-o is empty", hint="name a folder")
    refuse_url("OUT", arguments["out"])
    listed = listed_inputs(arguments)
    if not has_inputs(arguments):
        raise WrongUsage("no INPUT", hint="name files or folders, or use --table FILE or --files-from FILE")
    flags = {key: arguments[name] for name, key in FLAGS.items() if arguments[name] is not None}
    return Request(
        inputs=arguments["inputs"],
        listed=listed,
        out=arguments["out"],
        config=resolve_config(
            arguments["config"],
            sets=arguments["sets"],
            flags=flags,
            environ=os.environ,
            named_by=_named_by(),
            normalize=arguments["normalize"],
        ),
        sources=source_options(arguments),
        rerun=Rerun(
            overwrite=arguments["overwrite"],
            retry_failed=arguments["retry_failed"],
            retry_reasons=arguments["retry_reasons"],
            checksum=arguments["checksum"],
        ),
        workers=arguments["jobs"] or usable_cpus(),
        limit=failure_limit(arguments),
        limits=limits(arguments),
        durability=arguments["durability"],
        allow_empty=arguments["allow_empty"],
        known_failures_ok=arguments["known_failures_ok"],
    )


def _named_by() -> str:
    """Return the environment variable that names the config, or nothing."""
    source = click.get_current_context().get_parameter_source("config")
    return CONFIG_VARIABLE if source is ParameterSource.ENVIRONMENT else ""
