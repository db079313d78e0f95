"""Options that limit a run, and the syntax of their values."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from melcli.cli.refusals import BadValue, WrongUsage

if TYPE_CHECKING:
    from melcli.run.limits import Limits
    from melcli.run.report import FailureLimit

__all__ = [
    "NumberOrPercent",
    "Seconds",
    "WholeNumber",
    "bound_options",
    "failure_limit",
    "limits",
    "planned_limit_options",
]

Command = TypeVar("Command", bound=Callable[..., Any])

UNITS_S = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
UNIT_NAMES = {
    "s": ("s", "sec", "secs", "second", "seconds"),
    "m": ("m", "min", "mins", "minute", "minutes"),
    "h": ("h", "hr", "hrs", "hour", "hours"),
    "d": ("d", "day", "days"),
}
MOST_MEMORY_MB = 10**9
LEAST_MEMORY_MB = 256  # a worker that has imported everything and done nothing has 115 MB


class NumberOrPercent(click.ParamType):  # type: ignore[type-arg]
    """``N`` or ``P%``.

    Parameters
    ----------
    of : str
        What is counted, in the plural.
    """

    name = "N|P%"

    def __init__(self, of: str) -> None:
        self._of = of

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> FailureLimit:
        """Return the limit, or fail."""
        from melcli.run.report import FailureLimit

        try:
            limit = FailureLimit(percent=float(value[:-1])) if value.endswith("%") else FailureLimit(number=int(value))
        except ValueError:
            raise BadValue(
                f"{value!r} must be a number of {self._of}, or a percentage",
                ctx=ctx,
                param=param,
                hint="write a number such as 10, or a percentage such as 1%",
            ) from None
        if not ((limit.number or 0) >= 0 and 0 <= (limit.percent or 0) <= 100):
            self.fail(f"{value!r} must be 0 or more, and a percentage 100 or less", param, ctx)
        return limit


class Seconds(click.ParamType):  # type: ignore[type-arg]
    """``90``, ``90s``, ``50m``, ``1.5h``, ``2d``."""

    name = "TIME"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return seconds, or fail."""
        if isinstance(value, float):
            return value
        parts = re.fullmatch(r"(\d+(?:\.\d*)?|\.\d+)([smhd]?)", value.strip(), re.ASCII)
        seconds = float(parts[1]) * UNITS_S[parts[2]] if parts else 0.0
        if not 0 < seconds < math.inf:
            hint = _time_meant(value) or "write a time such as 90s, 50m, 1.5h or 2d"
            raise BadValue(f"{value!r} must be a time above 0", ctx=ctx, param=param, hint=hint)
        return seconds


def _time_meant(value: str) -> str:
    """Suggest how ``2 hours`` is to be written."""
    parts = re.fullmatch(r"(\d+(?:\.\d*)?|\.\d+)\s*([a-z]+)", value.strip().lower(), re.ASCII)
    unit = next((unit for unit, names in UNIT_NAMES.items() if parts and parts[2] in names), None)
    return f"write {parts[1]}{unit}" if parts and unit else ""


class WholeNumber(click.ParamType):  # type: ignore[type-arg]
    """An integer from ``least`` to ``most``.

    Parameters
    ----------
    least : int
    most : int, optional
    hint : str
        What to write instead of something else.
    """

    def __init__(self, least: int, most: int | None = None, *, name: str = "N", hint: str) -> None:
        self._least, self._most, self._hint = least, most, hint
        self.name = name

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the number, or fail."""
        try:
            number = int(value)
        except ValueError:
            raise BadValue(f"{value!r} must be an integer", ctx=ctx, param=param, hint=self._hint) from None
        if number < self._least or (self._most is not None and number > self._most):
            rule = f"{self._least:,} or more" if number < self._least else f"{self._most:,} or less"
            raise BadValue(f"{number} must be {rule}", ctx=ctx, param=param, hint=self._hint)
        return number


def _timeout_option(help: str) -> Callable[[Command], Command]:
    return click.option("--timeout-per-item", type=Seconds(), help=help)


def _memory_option(help: str) -> Callable[[Command], Command]:
    return click.option(
        "--max-memory-per-worker",
        type=WholeNumber(LEAST_MEMORY_MB, MOST_MEMORY_MB, hint="write megabytes, such as 2000 for 2 GB"),
        metavar="MB",
        help=help,
    )


def _max_duration_option(help: str) -> Callable[[Command], Command]:
    return click.option("--max-duration", type=Seconds(), help=help)


def _min_duration_option(help: str) -> Callable[[Command], Command]:
    return click.option("--min-duration", type=Seconds(), help=help)


_OPTIONS = (
    click.option("--fail-fast", is_flag=True, help="Stop at the first failed input; the same as --max-failures 0."),
    click.option(
        "--max-failures",
        type=NumberOrPercent("inputs"),
        help="Stop when more inputs fail than this number or percentage.",
    ),
    click.option(
        "--max-time",
        type=Seconds(),
        help="Start no more work after this time, such as 50m, and exit with 10; a rerun resumes.",
    ),
    _max_duration_option("Fail inputs that are longer than this, with the reason too_long."),
    _min_duration_option("Fail inputs that are shorter than this, with the reason too_short."),
    _timeout_option("Fail an input that takes longer than this, as timeout.  [default: 65 s plus 1 s per MB]"),
    _memory_option("Fail inputs that need more memory than this, as out_of_memory."),
    click.option(
        "--durability",
        type=click.Choice(["none", "batch", "file"]),
        default="batch",
        help="Flush outputs to disk never, after each batch, or after each file. A power failure loses what is not"
        " flushed; the next run recomputes it.  [default: batch]",
    ),
)


_PLANNED = "Plan for extract with this limit.  [default: the limit that each failed input was tried with]"
_PLANNED_LIMITS = (
    _max_duration_option(_PLANNED),
    _min_duration_option(_PLANNED),
    _timeout_option(_PLANNED),
    _memory_option(_PLANNED),
)


def bound_options(command: Command) -> Command:
    """Give a command the options, in their order."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def planned_limit_options(command: Command) -> Command:
    """Give a command that only plans the limits that decide whether a failed input is retried."""
    for option in reversed(_PLANNED_LIMITS):
        command = option(command)
    return command


def failure_limit(arguments: dict[str, Any]) -> FailureLimit:
    """Return how many failures end the run."""
    from melcli.run.report import FailureLimit

    return FailureLimit(number=0) if arguments["fail_fast"] else arguments["max_failures"] or FailureLimit()


def limits(arguments: dict[str, Any]) -> Limits:
    """Return what the run, a worker and an input may take; a command that only plans does not have all options."""
    from melcli.run.limits import Limits

    longest_s, shortest_s = arguments["max_duration"], arguments["min_duration"]
    if None not in (longest_s, shortest_s) and shortest_s > longest_s:
        raise WrongUsage(
            f"--min-duration {shortest_s:g} s is above --max-duration {longest_s:g} s: every input would fail",
            hint="give a minimum below the maximum",
        )
    memory_mb = arguments["max_memory_per_worker"]
    return Limits(
        max_duration_s=longest_s,
        min_duration_s=shortest_s,
        timeout_per_item_s=arguments["timeout_per_item"],
        max_memory_bytes=None if memory_mb is None else memory_mb * 1_000_000,
        max_time_s=arguments.get("max_time"),
    )
