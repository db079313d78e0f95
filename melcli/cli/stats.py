"""``melcli stats``: statistics of stored features."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from melcli.cli.limit_options import WholeNumber
from melcli.cli.output import errors_as_json, tell, tell_json, warn

if TYPE_CHECKING:
    from collections.abc import Iterator

    from melcli.stats.moments import Moments
    from melcli.stats.statistics import Statistics

__all__ = ["stats"]

MAX_GROUPS_SHOWN = 20


@click.command()
@click.argument("outs", metavar="OUT...", nargs=-1, required=True, type=click.Path())
@click.option("--by", metavar="COLUMN", help="Also for each value of a column that a table carried along.")
@click.option(
    "-o",
    "--output",
    type=click.Path(),
    metavar="FILE",
    help="Write a file: .yaml (a config with mean and std), .npz, .json, .ark (CMVN of Kaldi),"
    " .npy or .h5 (mean and scale).",
)
@click.option(
    "-j",
    "--jobs",
    type=WholeNumber(1, hint="leave -j out to use the available processors"),
    envvar="MELCLI_JOBS",
    metavar="N",
    help="Number of worker processes.  [default: the available processors]",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object with every number, and nothing else.")
def stats(outs: tuple[str, ...], **arguments: Any) -> int:
    """Compute mean, variance and range of the features of OUTs.

    All frames with signal count, and padding does not: valid_frames of each row. Variances are divided by the number of
    frames. The result is the same, bit by bit, for any number of workers, and for any division of the items into OUTs.

    An OUT may also be an .npz file of earlier statistics, which are added.

    A stats.yaml is the config of OUT with the mean and standard deviation of each feature, so that melcli extract -c
    stats.yaml normalizes. melcli extract --normalize, the keys mean and std of a config, and melcli.open_features take
    the other files.

    \b
    melcli stats features
    melcli stats features -o stats.yaml
    melcli stats train dev -o cmvn.ark
    melcli stats stats.npz more -o stats.npz
    melcli stats features --by speaker -o speakers.npz

    \b
    Exit codes:
      0   done
      2   usage, or the OUTs have different configs
      5   OUT contains no finished item
      6   an item cannot be read, or FILE cannot be written
      7   workers keep crashing
      129, 130, 143  stopped by a signal
    """
    with errors_as_json(arguments["as_json"]):
        return _stats(outs, arguments)


def _stats(outs: tuple[str, ...], arguments: dict[str, Any]) -> int:
    from melcli.addresses import refuse_url
    from melcli.run.engines.cpus import usable_cpus
    from melcli.run.stats.compute import StatsRequest, compute_statistics
    from melcli.stats.saved import is_saved
    from melcli.stats.writing import refuse_format, write_statistics

    output, by = arguments["output"], arguments["by"]
    for out in outs:
        refuse_url("OUT", out)
    if output is not None:
        refuse_url("FILE", output)
        refuse_format(output, by)
    statistics = compute_statistics(
        StatsRequest(
            outs=[out for out in outs if not is_saved(out)],
            saved=[out for out in outs if is_saved(out)],
            by=by,
            workers=arguments["jobs"] or usable_cpus(),
        )
    )
    if statistics.num_other_config:
        warn(f"{statistics.num_other_config:,} items have another config and are not counted")
    if output is not None:
        write_statistics(statistics, output)
    if arguments["as_json"]:
        tell_json(statistics.plain())
    else:
        for line in _lines(statistics):
            tell(line)
    return 0


def _lines(statistics: Statistics) -> Iterator[str]:
    from melcli.printable import printable

    yield f"{'':<24} {'items':>9} {'frames':>12} {'hours':>9} {'mean':>10} {'std':>10} {'min':>10} {'max':>10}"
    yield _line("all", statistics.total)
    for number, (name, moments) in enumerate(statistics.groups.items()):
        if number == MAX_GROUPS_SHOWN:
            yield f"... and {len(statistics.groups) - number:,} more; --json lists all"
            break
        yield _line(printable(name), moments)


def _line(name: str, moments: Moments) -> str:
    start = f"{name:<24} {moments.items:>9,} {moments.frames:>12,} {moments.seconds / 3600:>9.3f}"
    if not moments.frames:
        return start
    overall = moments.overall
    numbers = (overall["mean"], overall["variance"] ** 0.5, overall["min"], overall["max"])
    return start + "".join(f" {number:>10.5g}" for number in numbers)
