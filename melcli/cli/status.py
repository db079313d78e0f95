"""``melcli status``: done, new, stale and failed items."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from melcli.cli.completion import complete_config, complete_setting
from melcli.cli.inputs import has_inputs, input_options, listed_inputs, retry_reason_option, source_options
from melcli.cli.limit_options import limits, planned_limit_options
from melcli.cli.output import errors_as_json, say, tell_json, warn
from melcli.cli.plan import count_signs, other_config, plain_plan, tell_plan

if TYPE_CHECKING:
    from melcli.run.status import Status, StatusRequest

__all__ = ["status"]


@click.command()
@click.argument("out", metavar="OUT", type=click.Path())
@click.argument("inputs", metavar="[INPUT]...", nargs=-1, type=click.Path())
@click.option("--check", is_flag=True, help="Exit with 4 unless everything is done.")
@click.option(
    "--known-failures-ok",
    is_flag=True,
    help="With --check: exit with 0 also if inputs failed that extract does not retry.",
)
@click.option(
    "-c",
    "--config",
    metavar="NAME|FILE",
    help="The config to plan with.  [default: the config of OUT]",
    shell_complete=complete_config,
)
@click.option(
    "-s",
    "--set",
    "sets",
    multiple=True,
    metavar="KEY=VALUE",
    help="Set a key of the config; can be repeated.",
    shell_complete=complete_setting,
)
@input_options
@click.option("--checksum", is_flag=True, help="Detect changed inputs by content instead of size and time.")
@click.option("--retry-failed", is_flag=True, help="Plan for extract --retry-failed: failed inputs count as stale.")
@retry_reason_option(
    "Plan for extract --retry-reason: inputs that failed for this reason count as stale; can be repeated."
)
@planned_limit_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output.")
@click.option("-q", "--quiet", is_flag=True, help="Print only the items.")
@click.option("-v", "--verbose", is_flag=True, help="Also print the items that are done.")
def status(out: str, **arguments: Any) -> int:
    """Show which items of OUT are done, new, stale and failed.

    Items that are not done are printed with a sign: + new, * stale, ! failed, - in OUT without an input. With INPUTs,
    status makes the same plan as extract. Without INPUTs, it checks the sources that the manifest lists. It writes
    nothing and does not disturb a run that is in progress.

    extract retries some failed inputs when a limit changes. Without a limit here, status assumes the limit that each
    failed input was tried with. With a limit, it plans for extract with the same option.

    \b
    melcli status features
    melcli status features recordings
    melcli status features recordings --check -q

    \b
    Exit codes:
      0   printed; with --check: everything is done
      2   usage, or OUT does not exist
      4   with --check: an item is new, stale, failed or of another config,
          a run was interrupted, or outputs were not flushed before a reboot
      5   no input matched
      6   OUT cannot be read
      129, 130, 143  stopped by a signal
    """
    with errors_as_json(arguments["as_json"]):
        return _status(_request(out, arguments), arguments)


def _request(out: str, arguments: dict[str, Any]) -> StatusRequest:
    from melcli.addresses import refuse_url
    from melcli.run.plan import Rerun
    from melcli.run.status import StatusRequest

    refuse_url("OUT", out)
    return StatusRequest(
        out=out,
        inputs=arguments["inputs"] if has_inputs(arguments) else None,
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
    from melcli.errors import CHECK_FAILED

    done = found.is_done_but_for_failures if arguments["known_failures_ok"] else found.is_done
    code = CHECK_FAILED if arguments["check"] and not done else 0
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
        lines.append("the last run was interrupted; run the same extract again to resume")
    if found.unflushed_after_reboot:
        lines.append("outputs were written unflushed before a reboot; the next extract reads all of them back")
    if len(found.plan.other_config):
        lines.append(other_config(found.plan.other_config, out))
    return [*filter(None, lines), count_signs(found.plan)]
