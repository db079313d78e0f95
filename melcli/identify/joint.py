"""Decide with several pairs of audio and features that one config made."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from melcli.identify.clip import Clip
from melcli.identify.refine import Difference, Settling
from melcli.mel.options import FeatureOptions

__all__ = ["JointSettling"]


class JointSettling(Settling):
    """Holds options against the features of several clips; spectrum and filters are searched with the first one.

    Parameters
    ----------
    first : Settling
    others : sequence of Settling
        The same view of the other clips.
    """

    def __init__(self, first: Settling, others: Sequence[Settling]) -> None:
        super().__init__(first.clip, first.seen, first.known, rounding=first.rounding)
        self._all = [first, *others]

    @property
    def parts(self) -> Sequence[Settling]:
        """The view of each clip by itself."""
        return self._all

    def with_clips(self, change: Callable[[Clip], Clip]) -> Settling:
        """Return the same view of other clips."""
        first, *others = (part.with_clips(change) for part in self._all)
        return JointSettling(first, others)

    def fits(self, options: FeatureOptions) -> bool:
        """Return whether options give features of the right shape for every clip."""
        return all(part.fits(options) for part in self._all)

    def difference(self, options: FeatureOptions) -> Difference | None:
        """Measure options on the clip that they are furthest from; None where a shape is another."""
        found = [part.difference(options) for part in self._all]
        measured = [difference for difference in found if difference is not None]
        return max(measured, key=lambda one: one.relative) if len(measured) == len(found) else None

    def distance(self, options: FeatureOptions | None) -> float:
        """Return the mean distance over all clips, in the unit of the first one's range."""
        return sum(part.distance(options) * (self.range / part.range) for part in self._all) / len(self._all)
