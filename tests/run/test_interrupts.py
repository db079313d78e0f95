"""Signals: the first is written down or raised, the second ends the process."""

from __future__ import annotations

import signal
import time

import pytest

from melcli.run.interrupts import SIGNALS, Interrupted, Interrupts


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_outside_of_the_work_is_raised(number: signal.Signals) -> None:
    with pytest.raises(Interrupted, match=f"stopped by {number.name}") as stopped, Interrupts():
        signal.raise_signal(number)
    assert stopped.value.exit_code == 128 + number


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_during_the_work_is_written_down_and_wakes(number: signal.Signals) -> None:
    woken = []
    with Interrupts() as interrupts, interrupts.deferred(lambda: woken.append(True)):
        assert interrupts.number is None
        signal.raise_signal(number)
        assert interrupts.number == number
    assert woken == [True]


def test_a_second_signal_ends_the_process_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def end(code: int) -> None:
        raise SystemExit(code)

    monkeypatch.setattr("os._exit", end)
    with Interrupts() as interrupts, interrupts.deferred(lambda: None):
        signal.raise_signal(signal.SIGTERM)
        with pytest.raises(SystemExit) as ended:
            signal.raise_signal(signal.SIGINT)
    assert ended.value.code == 130


def test_after_the_work_a_signal_is_raised_again() -> None:
    with Interrupts() as interrupts:
        with interrupts.deferred(lambda: None):
            pass
        with pytest.raises(Interrupted):
            signal.raise_signal(signal.SIGTERM)


def test_the_handlers_of_before_come_back() -> None:
    before = [signal.getsignal(number) for number in SIGNALS]
    with Interrupts():
        assert [signal.getsignal(number) for number in SIGNALS] != before
    assert [signal.getsignal(number) for number in SIGNALS] == before


def test_a_signal_that_was_ignored_stays_ignored() -> None:
    """So that nohup works, and a job that a script put in the background is not hit by the script's Ctrl-C."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with Interrupts() as interrupts:
        signal.raise_signal(signal.SIGHUP)
        assert interrupts.number is None


def test_what_starts_is_given_up_when_it_takes_too_long_after_a_signal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("melcli.run.interrupts.PATIENCE_S", 0.05)
    given_up: list[bool] = []

    def start() -> None:
        signal.raise_signal(signal.SIGTERM)
        deadline_s = time.monotonic() + 10
        while not given_up:
            assert time.monotonic() < deadline_s
            time.sleep(0.01)

    before = signal.getsignal(signal.SIGALRM)
    with Interrupts() as interrupts, pytest.raises(Interrupted):
        interrupts.hold_back(start, lambda: given_up.append(True))
    assert signal.getsignal(signal.SIGALRM) is before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_without_a_signal_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("melcli.run.interrupts.PATIENCE_S", 0.05)
    with Interrupts() as interrupts:
        interrupts.hold_back(lambda: time.sleep(0.2), lambda: pytest.fail("given up"))
