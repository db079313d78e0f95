"""Translate exceptions into others, without a reference cycle."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType

__all__ = ["ErrorTranslation"]


class ErrorTranslation:
    """A context manager that replaces some exceptions by others.

    It is not a generator with `contextlib.contextmanager`: on Python 3.12 and later, an exception that such a generator
    replaces is part of a reference cycle.  Its traceback references the generator's frame, which references the caller,
    which references the exception.  All frames of the failed call, with their files and arrays, then live until garbage
    collection.

    Parameters
    ----------
    kinds : tuple of type
        The exceptions to replace.
    translate : callable
        Returns the exception to raise instead, with the original as its cause.
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
