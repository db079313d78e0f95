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
    """Return the seconds until then, to wait for at most; None: for ever.

    Parameters
    ----------
    until_s : float
        By `time.monotonic`; infinite: no limit.
    """
    return None if math.isinf(until_s) else max(0.0, until_s - time.monotonic())


def result_until(future: Future[Result], until_s: float) -> Result:
    """Return the result of a call.

    Raises
    ------
    TimeUp
        It is not there by then.
    """
    try:
        return future.result(remaining_s(until_s))
    except TimeoutError:
        raise TimeUp from None
