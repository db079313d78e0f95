"""Print a plan, for ``extract --dry-run`` and ``status``."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import islice
from typing import TYPE_CHECKING

from melcli.cli.output import tell

if TYPE_CHECKING:
    from melcli.run.estimate import Estimate
    from melcli.run.plan import Plan

__all__ = ["count_signs", "other_config", "plain_plan", "tell_plan", "totals"]

LINES_PER_INSERT = 1000


def tell_plan(plan: Plan, *, without: Collection[str] = ()) -> None:
    """Write a line with sign and id for each item, to standard output.

    Parameters
    ----------
    plan : Plan
    without : collection of str
        Signs of items that are not printed.
    """
    from melcli.printable import printable

    lines = (f"{sign} {printable(item_id)}" for item_id, sign in plan.signs() if sign not in without)
    while some := list(islice(lines, LINES_PER_INSERT)):  # one flush each
        tell("\n".join(some))


def plain_plan(plan: Plan) -> Iterator[dict[str, str]]:
    """Yield the same for ``--json``."""
    return ({"sign": sign, "id": item_id} for item_id, sign in plan.signs())


def other_config(ids: Collection[str], out: str) -> str:
    """Name items that were made with another config than that of OUT and are not served for that reason."""
    import shlex

    from melcli.printable import abbreviate, printable

    items = "1 item" if len(ids) == 1 else f"{len(ids):,} items"
    return (
        f"OUT contains {items} of another config, which readers skip: {abbreviate(ids)}; "
        f"melcli prune {printable(shlex.quote(out))} INPUT... lists those without an input"
    )


def count_signs(plan: Plan) -> str:
    """Say how many items there are of each sign."""
    from melcli.run.plan import SIGNS

    counts = plan.counts()
    return ", ".join(f"{counts[sign]:,} {meaning}" for sign, meaning in SIGNS.items())


def totals(plan: Plan, space: Estimate | None, workers: int) -> Iterator[str]:
    """Yield what a run would do in numbers: items, and, if they are known, hours, bytes and time."""
    from melcli.cli.progress_line import rough_time
    from melcli.store.space import format_size

    yield count_signs(plan)
    if space is None:
        return
    length = f"{space.audio_s / 3600:,.1f} h" if space.audio_s >= 360 else f"{space.audio_s:,.1f} s"
    most = "at most " if space.compressed else ""
    used = "1 worker" if workers == 1 else f"{workers:,} workers"
    time = "" if space.time_s is None else f", {rough_time(space.time_s)} with {used}"
    yield f"about {length} of audio, {most}{format_size(space.expected_bytes)} of features{time}"
    free = format_size(space.free_bytes)
    yield f"estimated from {space.num_sampled:,} of {space.num_items:,} headers; {free} are free"
    if not space.fits:
        yield f"warning: {space.sentence()}"
