"""The line of progress on a terminal: melcli lays it out, and tqdm draws it."""

from __future__ import annotations

import sys
from typing import Any

from tqdm import tqdm

from melcli.cli.output import stderr_may_fail

__all__ = ["TerminalBar"]


class _Stream:
    """Standard error as tqdm writes to it: never an error, after which tqdm would keep its lock forever."""

    def __init__(self) -> None:
        self.encoding = sys.stderr.encoding  # decides which signs the bar is made of

    def write(self, text: str) -> None:
        with stderr_may_fail():
            sys.stderr.write(text)

    def flush(self) -> None:
        with stderr_may_fail():
            sys.stderr.flush()


class TerminalBar(tqdm):  # type: ignore[type-arg]
    """A line with a text, a bar, and another text; tqdm itself adds nothing and truncates nothing."""

    def __init__(self) -> None:
        self.before = self.after = ""
        super().__init__(total=1.0, file=_Stream(), leave=False, bar_format="{before}{after}")

    @property
    def format_dict(self) -> Any:
        """What tqdm knows, and the two texts."""
        return {**super().format_dict, "before": self.before, "after": self.after}

    def show(self, part: float, before: str, bar_columns: int, after: str) -> None:
        """Draw the line.

        Parameters
        ----------
        part : float
            The finished part, from 0 to 1.
        before, after : str
            The texts, which may have colors.
        bar_columns : int
            The width of the bar with its two edges; 0: no bar.
        """
        self.n = part
        self.before, self.after = before, after
        bar = f"|{{bar:{bar_columns - 2}}}|" if bar_columns > 2 else ""
        self.bar_format = f"{{before}}{bar}{{after}}"
        self.refresh()
