"""``melcli status``: what is done, and what the next extract would do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from melcli.cli.inputs import input_options, listed_inputs, source_options
from melcli.cli.output import errors_as_json, say, tell_json
from melcli.cli.plan import count_signs, plain_plan, tell_plan

if TYPE_CHECKING:
    from melcli.run.status import Status, StatusRequest

__all__ = ["status"]


@click.command()
@click.argument("out", metavar="OUT", type=click.Path())
@click.argument("inputs", metavar="[INPUT]...", nargs=-1, type=click.Path())
@click.option("--check", is_flag=True, help="End with 4 unless everything is done.")
@click.option("-c", "--config", metavar="NAME|FILE", help="The config that extract is given.  [default: that of OUT]")
@click.option(
    "-s", "--set", "sets", multiple=True, metavar="KEY=VALUE", help="Set a key of the config; may be repeated."
)
@input_options
@click.option("--checksum", is_flag=True, help="Tell changed inputs by their content rather than by size and time.")
@click.option("--retry-failed", is_flag=True, help="Count inputs that failed as to be done, as extract --retry-failed.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output.")
@click.option("-q", "--quiet", is_flag=True, help="Print the items and nothing else.")
@click.option("-v", "--verbose", is_flag=True, help="Print the items that are done too.")
def status(out: str, **arguments: Any) -> int:
    """Say what is done in OUT, and what the next extract would do.

    Each item that is not done is printed with a sign: + new, * stale, ! failed, - in OUT without an input. With INPUTs
    the plan is that of extract; without, the sources are looked at that OUT's manifest names. Nothing is written, and
    a run that goes on meanwhile is not disturbed.

    \b
    melcli status features
    melcli status features recordings
    melcli status features recordings --check -q || melcli extract recordings -o features

    \b
    Exit codes: 0 told, 2 usage or no such OUT, 4 with --check: something is new, stale or failed, or a run was
    interrupted, 5 no input matched, 6 OUT cannot be read, 130 stopped by a signal.
    """
    with errors_as_json(arguments["as_json"]):
        return _status(_request(out, arguments), arguments)


def _request(out: str, arguments: dict[str, Any]) -> StatusRequest:
    from melcli.run.plan import Rerun
    from melcli.run.status import StatusRequest

    given = arguments["inputs"] or arguments["files_from"] or arguments["files_from0"]
    return StatusRequest(
        out=out,
        inputs=arguments["inputs"] if given else None,
        listed=listed_inputs(arguments),
        config_name=arguments["config"],
        sets=arguments["sets"],
        sources=source_options(arguments),
        rerun=Rerun(checksum=arguments["checksum"], retry_failed=arguments["retry_failed"]),
    )


def _status(request: StatusRequest, arguments: dict[str, Any]) -> int:
    from melcli.errors import CHECK_SAID_NO
    from melcli.run.status import status as run

    found = run(request)
    code = CHECK_SAID_NO if arguments["check"] and not found.is_done else 0
    if arguments["as_json"]:
        tell_json(_plain(found, request.out, code))
    else:
        tell_plan(found.plan, without=() if arguments["verbose"] else ("=",))
    if not arguments["quiet"]:
        for line in _remarks(found):
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
        "unreadable_folders": 0 if found.found is None else len(found.found.unreadable),
        "running": found.running,
        "interrupted": found.interrupted,
        "all_done": found.is_done,
        "plan": plain_plan(found.plan),
        "exit_code": code,
        "out": out,
    }


def _remarks(found: Status) -> list[str]:
    """Say what there is beside the items, and last the counts."""
    lines = [] if found.found is None else [found.found.account, found.found.warning]
    if found.running:
        lines.append("another melcli holds OUT: what it did last may not be counted yet")
    elif found.interrupted:
        lines.append("the last run was interrupted; the same extract goes on")
    return [*filter(None, lines), count_signs(found.plan)]
