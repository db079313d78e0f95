"""What every test of a run needs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cli.shell import signals_heeded


@pytest.fixture(autouse=True)
def _no_signal_is_ignored() -> Iterator[None]:
    """The tests may run under nohup themselves."""
    with signals_heeded():
        yield
