"""Wait for workers until ``--max-time``."""

from __future__ import annotations

import math
import time
from concurrent.futures import Future
from typing import TypeVar

from melcli.errors import TimeUp

__all__ = ["remaining_s", "result_until"]

Result = TypeVar("Result")


def remaining_s(until_s: float) -> float | None:
    """Return the seconds until a time, as a timeout; None without a limit.

    Parameters
    ----------
    until_s : float
        The time, by `time.monotonic`; infinite for no limit.
    """
    return None if math.isinf(until_s) else max(0.0, until_s - time.monotonic())


def result_until(future: Future[Result], until_s: float) -> Result:
    """Return the result of a call.

    Raises
    ------
    TimeUp
        The call has no result by ``until_s``.
    """
    try:
        return future.result(remaining_s(until_s))
    except TimeoutError:
        raise TimeUp from None
