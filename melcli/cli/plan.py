"""Print a plan, for ``extract --dry-run`` and ``status``."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import islice
from typing import TYPE_CHECKING

from melcli.cli.output import tell

if TYPE_CHECKING:
    from melcli.run.plan import Plan

__all__ = ["count_signs", "other_config", "plain_plan", "tell_plan"]

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
