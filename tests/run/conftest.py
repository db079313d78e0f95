"""What every test of a run needs."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from melcli.run.interrupts import SIGNALS


@pytest.fixture(autouse=True)
def _no_signal_is_ignored() -> Iterator[None]:
    """The tests may run under nohup themselves."""
    ignored = [number for number in SIGNALS if signal.getsignal(number) is signal.SIG_IGN]
    for number in ignored:
        signal.signal(number, signal.SIG_DFL)
    yield
    for number in ignored:
        signal.signal(number, signal.SIG_IGN)
