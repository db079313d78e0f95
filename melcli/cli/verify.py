"""``melcli verify``: check OUT for damage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from melcli.cli.limit_options import WholeNumber
from melcli.cli.log_option import log_file_option
from melcli.cli.output import errors_as_json, say, tell_json, warn
from melcli.cli.plan import other_config

if TYPE_CHECKING:
    from melcli.cli.run_log import RunLog
    from melcli.run.verify.report import VerifyReport
    from melcli.store.damage import Damage

__all__ = ["verify"]


class _Percent(click.ParamType):  # type: ignore[type-arg]
    """``N`` or ``N%``."""

    name = "N%"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, float):
            return value
        try:
            percent = float(value.removesuffix("%"))
        except ValueError:
            self.fail(f"{value!r} must be a percentage such as 10%; write OUT in front of the options", param, ctx)
        if not 0 < percent <= 100:
            self.fail(f"{value!r} must be more than 0% and at most 100%", param, ctx)
        return percent


@click.command()
@click.argument("out", metavar="OUT", type=click.Path())
@click.option(
    "--read-data",
    "read_percent",
    is_flag=False,
    flag_value="100%",
    type=_Percent(),
    help="Also read the numbers of N% of the items: checksum, finiteness, range.  [default without N%: 100%]",
)
@click.option(
    "--recompute",
    "recompute_percent",
    type=_Percent(),
    help="Recompute N% of the items from their sources and compare the numbers.",
)
@click.option(
    "--repair",
    is_flag=True,
    help="Mark damaged items, so that the next extract recomputes them; deletes no output.",
)
@click.option(
    "-j",
    "--jobs",
    type=WholeNumber(1, hint="leave -j out to use the available processors"),
    envvar="MELCLI_JOBS",
    metavar="N",
    help="Number of worker processes.  [default: the available processors]",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output at the end.")
@click.option("-q", "--quiet", is_flag=True, help="Print only damage and errors.")
@log_file_option
def verify(out: str, **arguments: Any) -> int:
    """Check OUT for missing, truncated, damaged and exchanged outputs.

    verify checks that the manifest, the list of failures and melcli.yaml are complete and agree. Each output must be a
    regular file with the size and header of its row, and each HDF5 shard must contain what its rows describe. With
    --read-data, verify also checks the numbers. With --recompute, it checks that the sources still give these numbers.
    It names each damaged item with a reason. Files that no row lists are not damage. Only --repair changes anything.

    \b
    melcli verify features
    melcli verify features --read-data
    melcli verify features --read-data 5% --recompute 1%
    melcli verify features --read-data --repair && echo no damage

    \b
    Exit codes:
      0   no damage
      2   usage, or OUT does not exist
      4   damage was found, also if it was repaired, or items of another config,
          or no item could be recomputed, or outputs were not flushed before a
          reboot and --read-data 100% was not given
      6   OUT cannot be read, or with --repair cannot be written
      7   workers keep crashing
      75  another melcli uses OUT
      129, 130, 143  stopped by a signal
    """
    from melcli.cli.run_log import RunLog, new_run_id

    run_id = new_run_id()
    with (
        errors_as_json(arguments["as_json"], run_id=run_id),
        RunLog(arguments["log_file"], out=out, run_id=run_id, tell=warn) as log,
    ):
        return _verify(out, arguments, log)


def _verify(out: str, arguments: dict[str, Any], log: RunLog) -> int:
    from melcli.addresses import refuse_url
    from melcli.run.engines.cpus import usable_cpus
    from melcli.run.verify.audit import verify as run
    from melcli.run.verify.request import VerifyRequest

    refuse_url("OUT", out)
    request = VerifyRequest(
        out=out,
        read_percent=arguments["read_percent"] or 0.0,
        recompute_percent=arguments["recompute_percent"] or 0.0,
        repair=arguments["repair"],
        workers=arguments["jobs"] or usable_cpus(),
    )

    def tell_damage(damage: Damage) -> None:
        say(f"damaged: {damage.sentence()}")
        log.damaged(damage)

    report = run(request, tell_damage)
    if not arguments["quiet"]:
        for line in _lines(report):
            say(line)
    if report.compared_nothing:
        say(
            f"nothing was recomputed: none of {report.num_not_comparable:,} sources exists unchanged; "
            "relative paths of sources start in the current folder"
        )
    if arguments["as_json"]:
        tell_json(report.to_json() | {"run_id": log.run_id})
    log.verified(report)
    return report.exit_code


def _lines(report: VerifyReport) -> list[str]:
    """Say what there is beside the damages, and last the counts."""
    from melcli.printable import abbreviate

    remarks = []
    for kind, what in (
        ("unknown", "named like outputs, but no row lists them"),
        ("leftover", "temporary files of runs that were killed"),
        ("unlisted", "folders that cannot be listed"),
    ):
        paths = report.untracked_paths(kind)
        if paths:
            remarks.append(f"{len(paths):,} {what}: {abbreviate(paths)}")
    if report.other_config:
        remarks.append(other_config(report.other_config, report.out))
    if report.interrupted:
        remarks.append("the last run was interrupted; run the same extract again to resume")
    if report.unflushed_after_reboot:
        remarks.append(_unflushed(report))
    if not report.locked:
        remarks.append("OUT cannot be written, so it was read without holding it")
    return [*remarks, *_recomputed(report), *_repaired(report), _counts(report)]


def _unflushed(report: VerifyReport) -> str:
    said = "outputs were written unflushed before a reboot"
    if not report.read_all:
        return f"{said}: only --read-data tells which of them are complete"
    then = "the mark was removed" if report.repairs is not None else "the next extract, or --repair, removes the mark"
    return f"{said}: all of them were read; {then}"


def _recomputed(report: VerifyReport) -> list[str]:
    if not report.num_same + report.num_close + report.num_not_comparable:
        return []
    parts = [f"{report.num_same:,} the same to the bit"]
    if report.num_close:
        kernel = "another BLAS kernel or SIMD level" if report.other_kernel else "another processor"
        why = "other versions" if report.other_versions else kernel
        parts.append(f"{report.num_close:,} but for rounding, as {why} may give")
    if report.num_not_comparable:
        parts.append(f"{report.num_not_comparable:,} not comparable: the source changed, is gone or is a command")
    return [f"recomputed: {', '.join(parts)}"]


def _repaired(report: VerifyReport) -> list[str]:
    from melcli.printable import printable

    repairs = report.repairs
    if repairs is None or not (repairs.rewritten or repairs.set_aside):
        return []
    moved = [f"{path} was moved to {where}" for path, where in repairs.set_aside.items()]
    said = [*moved, f"{repairs.num_stale:,} inputs are stale: the next extract over them does them again"]
    if any(damage.kind == "manifest" for damage in report.damages):
        said.append("and whatever the manifest lost")
    return [f"repaired: {printable('; '.join(said))}"]


def _counts(report: VerifyReport) -> str:
    from melcli.printable import printable

    parts = [f"{report.num_ok - report.num_damaged:,} intact", f"{report.num_damaged:,} damaged"]
    books = sum(damage.id is None for damage in report.damages)
    if books:
        parts.append(f"{books:,} {'fault' if books == 1 else 'faults'} in OUT's books")
    if report.num_read:
        parts.append(f"{report.num_read:,} read")
    return f"{'  '.join(parts)}  {report.elapsed_s:.1f} s  -> {printable(report.out)}"
