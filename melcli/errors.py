"""Exceptions, one class for each case that a caller can handle differently.

Every class has the exit code of the command line; docs/reference/exit_codes.md has the table.  No class depends on
Click.  A failing input is an `AudioError`: only that input fails, and its row records a reason of the closed list
`REASONS`.  Every other class ends the run, except `TimeUp`, which the run catches.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

__all__ = [
    "CHECK_FAILED",
    "REASONS",
    "AudioError",
    "ConfigError",
    "DecoderKilled",
    "MelcliError",
    "NameClash",
    "NoInput",
    "OutputBusy",
    "Reason",
    "StorageError",
    "TimeUp",
    "WorkersFailing",
]

Reason = Literal[
    "unreadable",
    "unsupported_format",
    "empty",
    "truncated",
    "too_short",
    "too_long",
    "nonfinite",
    "bad_rate",
    "decoder_crash",
    "out_of_memory",
    "timeout",
    "vanished",
    "internal",
    "damaged",
]
REASONS: tuple[str, ...] = get_args(Reason)

CHECK_FAILED = 4  # exit code of a command that checked something and found a difference or damage; not an error


class MelcliError(Exception):
    """Base class of all errors that melcli raises intentionally.

    Parameters
    ----------
    *arguments
        One sentence with the value and the rule.
    hint : str
        What to do, if that is clear.
    details : sequence of str
        The items that the sentence is about, if there are several: one line each.
    """

    exit_code = 1

    def __init__(self, *arguments: object, hint: str = "", details: Sequence[str] = ()) -> None:
        super().__init__(*arguments)
        self.hint = hint
        self.details = tuple(details)

    @property
    def problem(self) -> str:
        """The sentence alone."""
        return super().__str__()

    def __str__(self) -> str:
        listed = f"{self.problem}: {'; '.join(self.details)}" if self.details else self.problem
        return f"{listed}; {self.hint}" if self.hint else listed


class ConfigError(MelcliError, ValueError):
    """A key, a value or an argument is invalid: fix it and call again.  No work was done.

    Parameters
    ----------
    message : str
        One sentence with the value and the rule.
    key : str, optional
        The option that the sentence is about, so that a caller that knows where it was set can add that.
    hint : str
        What to do, if that is clear.
    details : sequence of str
        The items that the sentence is about, if there are several: one line each.
    """

    exit_code = 2

    def __init__(self, message: str, *, key: str | None = None, hint: str = "", details: Sequence[str] = ()) -> None:
        super().__init__(message, hint=hint, details=details)
        self.key = key

    def at(self, where: str) -> ConfigError:
        """Return the same error with the place that it is in before its sentence.

        Parameters
        ----------
        where : str
            The place, such as a file and a section.

        Returns
        -------
        error : ConfigError
            The new error.
        """
        return ConfigError(f"{where}: {self.problem}", key=self.key, hint=self.hint, details=self.details)


class NameClash(ConfigError):
    """Two inputs would have the same output name: rename one, or keep the extensions."""


class NoInput(MelcliError):
    """No input matches: check the folder, the globs or the list."""

    exit_code = 5


class StorageError(MelcliError):
    """OUT cannot be written: free disk space or fix it, then run again; finished work is kept."""

    exit_code = 6


class WorkersFailing(MelcliError):
    """Workers keep crashing or cannot start: fix the installation; finished work is kept."""

    exit_code = 7


class OutputBusy(MelcliError):
    """Another melcli uses OUT: wait for it, or choose another OUT."""

    exit_code = 75


class TimeUp(Exception):
    """The time limit of the run is reached; finished work is kept."""


class AudioError(MelcliError):
    """One input cannot be processed; other inputs can.

    Parameters
    ----------
    reason : str
        One of `REASONS`.
    message : str
        One sentence with the value and the rule, without the file's name.
    stderr : str
        The end of what a decoder printed, as one printable line.
    """

    exit_code = 3

    def __init__(self, reason: Reason, message: str, *, stderr: str = "") -> None:
        super().__init__(reason, message)  # both, so that the exception can be pickled
        self.reason: Reason = reason
        self.message = message
        self.stderr = stderr

    @property
    def problem(self) -> str:
        """The reason and the sentence."""
        return f"{self.reason}: {self.message}"


class DecoderKilled(AudioError):
    """The process of a decoder was killed from outside, which is no evidence against the input: try once more."""
