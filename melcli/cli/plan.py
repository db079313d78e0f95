"""How a plan is shown: by ``extract --dry-run`` and by ``status``."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from melcli.cli.output import tell

if TYPE_CHECKING:
    from melcli.run.plan import Plan

__all__ = ["count_signs", "plain_plan", "tell_plan"]

LINES_AT_A_TIME = 1000


def tell_plan(plan: Plan, *, without: Collection[str] = ()) -> None:
    """Write a line with sign and id for each item, to standard output.

    Parameters
    ----------
    plan : Plan
    without : collection of str
        Signs of items that are passed over.
    """
    from melcli.printable import printable

    signs = plan.signs
    lines = [f"{signs[item_id]} {printable(item_id)}" for item_id in sorted(signs) if signs[item_id] not in without]
    for start in range(0, len(lines), LINES_AT_A_TIME):  # one flush each
        tell("\n".join(lines[start : start + LINES_AT_A_TIME]))


def plain_plan(plan: Plan) -> list[dict[str, str]]:
    """Return the same for ``--json``."""
    return [{"sign": plan.signs[item_id], "id": item_id} for item_id in sorted(plan.signs)]


def count_signs(plan: Plan) -> str:
    """Say how many items there are of each sign."""
    from melcli.run.plan import SIGNS

    counts = plan.counts()
    return ", ".join(f"{counts[sign]:,} {meaning}" for sign, meaning in SIGNS.items())
