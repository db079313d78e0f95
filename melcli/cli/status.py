"""``melcli status``: what is done, and what the next extract would do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from melcli.cli.bounds import limits, planned_limit_options
from melcli.cli.inputs import input_options, listed_inputs, retry_reason_option, source_options
from melcli.cli.output import errors_as_json, say, tell_json, warn
from melcli.cli.plan import count_signs, other_config, plain_plan, tell_plan

if TYPE_CHECKING:
    from melcli.run.status import Status, StatusRequest

__all__ = ["status"]


@click.command()
@click.argument("out", metavar="OUT", type=click.Path())
@click.argument("inputs", metavar="[INPUT]...", nargs=-1, type=click.Path())
@click.option("--check", is_flag=True, help="End with 4 unless everything is done.")
@click.option(
    "--known-failures-ok",
    is_flag=True,
    help="With --check: end with 0 also when inputs failed that extract does not retry.",
)
@click.option("-c", "--config", metavar="NAME|FILE", help="The config that extract is given.  [default: that of OUT]")
@click.option(
    "-s", "--set", "sets", multiple=True, metavar="KEY=VALUE", help="Set a key of the config; may be repeated."
)
@input_options
@click.option("--checksum", is_flag=True, help="Tell changed inputs by their content rather than by size and time.")
@click.option("--retry-failed", is_flag=True, help="Count inputs that failed as to be done, as extract --retry-failed.")
@retry_reason_option(
    "Count inputs that failed for this reason as to be done, as extract --retry-reason; may be repeated."
)
@planned_limit_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output.")
@click.option("-q", "--quiet", is_flag=True, help="Print the items and nothing else.")
@click.option("-v", "--verbose", is_flag=True, help="Print the items that are done too.")
def status(out: str, **arguments: Any) -> int:
    """Say what is done in OUT, and what the next extract would do.

    Each item that is not done is printed with a sign: + new, * stale, ! failed, - in OUT without an input. With INPUTs
    the plan is that of extract; without, the sources are looked at that OUT's manifest names. Nothing is written, and
    a run that goes on meanwhile is not disturbed.

    Some failed inputs are retried when a limit changes. If you do not give a limit here, status assumes the one that
    each failed input was tried with. If you do, status plans for extract with the same option.

    \b
    melcli status features
    melcli status features recordings
    melcli status features recordings --check -q || melcli extract recordings -o features

    \b
    Exit codes: 0 told, 2 usage or no such OUT, 4 with --check: something is new, stale, failed or of another config,
    a run was interrupted, or outputs were written unflushed before a reboot, 5 no input matched, 6 OUT cannot be read,
    130 stopped by a signal. With --known-failures-ok, failed inputs do not count.
    """
    with errors_as_json(arguments["as_json"]):
        return _status(_request(out, arguments), arguments)


def _request(out: str, arguments: dict[str, Any]) -> StatusRequest:
    from melcli.addresses import refuse_url
    from melcli.run.plan import Rerun
    from melcli.run.status import StatusRequest

    refuse_url("OUT", out)
    given = arguments["inputs"] or arguments["files_from"] or arguments["files_from0"]
    return StatusRequest(
        out=out,
        inputs=arguments["inputs"] if given else None,
        listed=listed_inputs(arguments),
        config_name=arguments["config"],
        sets=arguments["sets"],
        sources=source_options(arguments),
        rerun=Rerun(
            checksum=arguments["checksum"],
            retry_failed=arguments["retry_failed"],
            retry_reasons=arguments["retry_reasons"],
        ),
        limits=limits(arguments),
    )


def _status(request: StatusRequest, arguments: dict[str, Any]) -> int:
    from melcli.run.planner.planner import Planner
    from melcli.run.status import status as run
    from melcli.scratch import Scratch

    with Planner(warn) as planner, Scratch() as scratch:
        return _tell(run(request, scratch, planner), request, arguments)


def _tell(found: Status, request: StatusRequest, arguments: dict[str, Any]) -> int:
    from melcli.errors import CHECK_SAID_NO

    done = found.is_done_but_for_failures if arguments["known_failures_ok"] else found.is_done
    code = CHECK_SAID_NO if arguments["check"] and not done else 0
    if arguments["as_json"]:
        tell_json(_plain(found, request.out, code))
    else:
        tell_plan(found.plan, without=() if arguments["verbose"] else ("=",))
    if not arguments["quiet"]:
        for line in _remarks(found, request.out):
            say(line)
    return code


def _plain(found: Status, out: str, code: int) -> dict[str, Any]:
    counts = found.plan.counts()
    return {
        "new": counts["+"],
        "stale": counts["*"],
        "done": counts["="],
        "failed": counts["!"],
        "orphans": counts["-"],
        "other_config": iter(found.plan.other_config),
        "unreadable_folders": 0 if found.found is None else len(found.found.unreadable),
        "running": found.running,
        "interrupted": found.interrupted,
        "unflushed_after_reboot": found.unflushed_after_reboot,
        "all_done": found.is_done,
        "plan": plain_plan(found.plan),
        "exit_code": code,
        "out": out,
    }


def _remarks(found: Status, out: str) -> list[str]:
    """Say what there is beside the items, and last the counts."""
    lines = [] if found.found is None else [found.found.account, found.found.warning]
    if found.running:
        lines.append("another melcli holds OUT: what it did last may not be counted yet")
    elif found.interrupted:
        lines.append("the last run was interrupted; the same extract goes on")
    if found.unflushed_after_reboot:
        lines.append("outputs were written unflushed before a reboot; the next extract reads all of them back")
    if len(found.plan.other_config):
        lines.append(other_config(found.plan.other_config, out))
    return [*filter(None, lines), count_signs(found.plan)]
