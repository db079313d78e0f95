"""The statistics of one or several OUTs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from melcli.config.config import Config
from melcli.stats.moments import Moments

__all__ = ["Statistics"]

SECONDS_PER_HOUR = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """Moments over everything, and of each group.

    Attributes
    ----------
    config : Config
        The config of the features.
    config_id : str
        As OUT records it.
    total : Moments
    by : str or None
        The column whose values name the groups.
    groups : Mapping of str to Moments
        Sorted by name; empty without ``by``.
    num_other_config : int
        Items that are not counted, because OUT has them with another config.
    """

    config: Config
    config_id: str
    total: Moments
    by: str | None = None
    groups: Mapping[str, Moments] = field(default_factory=dict)
    num_other_config: int = 0

    def plain(self) -> dict[str, Any]:
        """Return all numbers as JSON can hold them."""
        plain: dict[str, Any] = {"config_id": self.config_id, **_plain(self.total)}
        if self.by is not None:
            plain["by"] = self.by
            plain["groups"] = {name: _plain(moments) for name, moments in self.groups.items()}
        return plain


def _plain(moments: Moments) -> dict[str, Any]:
    lists = {
        name: getattr(moments, name).tolist() if moments.frames else None
        for name in ("mean", "std", "variance", "min", "max")
    }
    return {
        "items": moments.items,
        "frames": moments.frames,
        "hours": moments.seconds / SECONDS_PER_HOUR,
        **lists,
        "overall": moments.overall if moments.frames else None,
    }
