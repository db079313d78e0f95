"""``melcli prune``: list and delete outputs without an input."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from melcli.cli.inputs import has_inputs, input_options, listed_inputs, source_options
from melcli.cli.limit_options import NumberOrPercent
from melcli.cli.output import errors_as_json, say, tell, tell_json, warn
from melcli.cli.refusals import WrongUsage

if TYPE_CHECKING:
    from melcli.run.prune import Pruned

__all__ = ["prune"]


@click.command()
@click.argument("out", metavar="OUT", type=click.Path())
@click.argument("inputs", metavar="INPUT...", nargs=-1, type=click.Path())
@click.option("--delete", is_flag=True, help="Delete the listed items and files.  [default: only list them]")
@click.option(
    "--max-delete",
    type=NumberOrPercent("items and files"),
    help="Delete nothing if more than this number or percentage would be deleted.  [default: 50%]",
)
@input_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output.")
@click.option("-q", "--quiet", is_flag=True, help="Print only the list and errors.")
def prune(out: str, **arguments: Any) -> int:
    """List outputs without an input, and delete them with --delete.

    prune lists items of OUT whose input is gone, and files that no row of the manifest lists.

    Give the same INPUTs and the same --include, --exclude and --keep-extension as to extract. An item whose input is
    gone is printed as "- ID". A file that no row lists, such as an old shard or a .npy file of an OUT that was changed
    to HDF5, is printed as "? PATH". With --delete, melcli removes the rows and the files. An HDF5 shard is deleted only
    when none of its items has an input.

    \b
    melcli prune features recordings
    melcli prune features recordings --delete
    melcli prune features recordings --delete --max-delete 100

    \b
    Exit codes:
      0   listed or deleted
      2   usage, OUT does not exist, or more than --max-delete
      5   no input matched
      6   OUT cannot be read or written
      75  another melcli uses OUT
      129, 130, 143  stopped by a signal
    """
    with errors_as_json(arguments["as_json"]):
        return _prune(out, arguments)


def _prune(out: str, arguments: dict[str, Any]) -> int:
    from melcli.printable import printable
    from melcli.run.planner.planner import Planner
    from melcli.run.prune import DEFAULT_MAX_DELETIONS, PruneRequest
    from melcli.run.prune import prune as run

    if not has_inputs(arguments):
        raise WrongUsage("no INPUT", hint="name the files, folders and tables that melcli extract was given")
    request = PruneRequest(
        out=out,
        inputs=arguments["inputs"],
        listed=listed_inputs(arguments),
        sources=source_options(arguments),
        delete=arguments["delete"],
        max_deletions=arguments["max_delete"] or DEFAULT_MAX_DELETIONS,
    )
    with Planner(warn) as planner:
        pruned = run(request, planner)
    if arguments["as_json"]:
        tell_json(_plain(pruned, request.delete, out))
    else:
        lines = [f"- {item_id}" for item_id in pruned.orphans] + [f"? {path}" for path in pruned.files]
        if lines:
            tell("\n".join(map(printable, lines)))
    if not arguments["quiet"]:
        for line in _summary(pruned, request.delete):
            say(line)
    return 0


def _plain(pruned: Pruned, deleted: bool, out: str) -> dict[str, Any]:
    return {
        "orphans": list(pruned.orphans),
        "files": list(pruned.files),
        "in_shards": pruned.num_in_shards,
        "bytes": pruned.num_bytes,
        "deleted": deleted,
        "exit_code": 0,
        "out": out,
    }


def _summary(pruned: Pruned, deleted: bool) -> list[str]:
    lines = []
    if pruned.num_in_shards:
        outputs = _counted(pruned.num_in_shards, "output")
        lines.append(f"{outputs} in shards that other items share: only the rows are removed")
    if pruned.has_inputs:
        lines.append("OUT also contains inputs, so .npy files that no row lists are kept: they may be yours")
    found = bool(pruned.orphans or pruned.files)
    done = "deleted" if deleted else "nothing was deleted; --delete deletes them" if found else "nothing to delete"
    orphans, files = _counted(len(pruned.orphans), "item"), _counted(len(pruned.files), "file")
    return [*lines, f"{orphans} without an input, {files} that no row lists, {pruned.num_bytes / 1e6:,.1f} MB: {done}"]


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
