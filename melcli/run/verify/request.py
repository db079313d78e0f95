"""The request for one run of ``melcli verify``."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["VerifyRequest"]


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyRequest:
    """What to verify.

    Attributes
    ----------
    out : str
        OUT.
    read_percent, recompute_percent : float
        The percentage of the items whose numbers are read, and of those that are recomputed, 0 to 100.
    repair : bool
        Whether to mark damaged items, so that the next run recomputes them.
    workers : int
        Number of worker processes.
    """

    out: str
    read_percent: float = 0.0
    recompute_percent: float = 0.0
    repair: bool = False
    workers: int = 1
