"""Translate one kind of error into another, without a reference cycle."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType

__all__ = ["ErrorTranslation"]


class ErrorTranslation:
    """A context manager that raises another error in place of some.

    It is no generator of `contextlib.contextmanager`: on Python 3.12 and later an error that such a generator replaces
    is part of a reference cycle.  Its traceback holds the generator's frame, and that frame holds the caller, which
    holds the error.  All frames of the failed call, with their files and arrays, then live until garbage collection.

    Parameters
    ----------
    kinds : tuple of type
        The errors that are replaced.
    translate : callable
        From such an error to the one that is raised, with the first one as its cause.
    """

    def __init__(self, kinds: tuple[type[Exception], ...], translate: Callable[[Exception], Exception]) -> None:
        self._kinds = kinds
        self._translate = translate

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, self._kinds):
            raise self._translate(error) from error
