"""Tasks of ``melcli stats``.  Nothing here needs NumPy before a worker calls it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from melcli.config.config import Config
from melcli.run.stats.member import Member

if TYPE_CHECKING:
    from melcli.stats.moments import Moments

__all__ = ["MeasureTask", "Measured", "measure"]

# The timeout of a task, generous enough for a slow network disk at 1 MB/s.
BASE_TIMEOUT_S, ROW_TIMEOUT_S, MIN_BYTES_PER_S = 60.0, 0.05, 1e6
MAX_TIMEOUT_S = 30 * 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasureTask:
    """Items whose moments are folded in order.

    Attributes
    ----------
    config : Config
        The config of the features.
    number : int
        Number of the task, in the order of the items.
    members : tuple of Member
    first, num_members : int
        Index of the first member in the whole task, and the number of members of the whole task.
    """

    config: Config
    number: int
    members: tuple[Member, ...]
    num_members: int
    first: int = 0

    @property
    def call(self) -> tuple[Callable[[Any], Any], Any]:
        """The function and its argument."""
        return measure, self

    @property
    def timeout_s(self) -> float:
        """Seconds after which the worker counts as hung."""
        num_bytes = sum(8 * member.row.num_frames * member.row.num_features for member in self.members)
        return min(BASE_TIMEOUT_S + ROW_TIMEOUT_S * len(self.members) + num_bytes / MIN_BYTES_PER_S, MAX_TIMEOUT_S)

    def parts(self) -> list[MeasureTask]:
        """Return tasks on half of the members each, to find one that crashes its worker."""
        if len(self.members) == 1:
            return []
        middle = len(self.members) // 2
        return [
            replace(self, members=self.members[:middle]),
            replace(self, members=self.members[middle:], first=self.first + middle),
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """The result of a task.

    Attributes
    ----------
    number, first : int
        Of the task.
    num_members, size : int
        Number of members that were measured, and of those of the whole task.
    pairs : list of (str or None, Moments)
        For a whole task, one for each group, folded; for a part, one or two for each member, so that all parts can be
        folded in the order of the whole task.
    """

    number: int
    first: int
    num_members: int
    size: int
    pairs: list[tuple[str | None, Moments]]


def measure(task: MeasureTask) -> Measured:
    """Measure items, in a worker; see `melcli.run.stats.measure_items`."""
    from melcli.run.stats.measure_items import measure_items
    from melcli.stats.moments import fold

    pairs = measure_items(task.members, task.config.features)
    if len(task.members) == task.num_members:
        pairs = list(fold(pairs).items())
    return Measured(
        number=task.number, first=task.first, num_members=len(task.members), size=task.num_members, pairs=pairs
    )
