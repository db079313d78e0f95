"""Signals: the first is written down or raised, the second ends the process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest

from melcli.run.interrupts import DUPLICATE_S, SIGNALS, Interrupted, Interrupts
from tests.elapsed import wait, wait_until


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
        time.sleep(2 * DUPLICATE_S)
        with pytest.raises(SystemExit) as ended:
            signal.raise_signal(signal.SIGINT)
    assert ended.value.code == 130


def test_a_second_signal_to_a_program_that_calls_melcli_is_raised() -> None:
    before = signal.set_wakeup_fd(-1)
    signal.set_wakeup_fd(before)
    with Interrupts(ends_process=False) as interrupts:
        assert signal.set_wakeup_fd(before) == before  # nobody listens for a second one
        with interrupts.deferred(lambda: None):
            signal.raise_signal(signal.SIGTERM)
            time.sleep(2 * DUPLICATE_S)
            with pytest.raises(Interrupted, match="stopped by SIGTERM"):
                signal.raise_signal(signal.SIGINT)
    assert interrupts.number == signal.SIGTERM


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


def test_a_signal_that_is_swallowed_is_raised_again() -> None:
    """As in a library that catches everything."""
    swallowed = []

    def swallow() -> None:
        with suppress(Interrupted):
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(10)
        swallowed.append(True)
        time.sleep(10)

    with pytest.raises(Interrupted), Interrupts():
        swallow()
    assert swallowed == [True]


def test_a_signal_where_python_can_raise_nothing_is_raised_soon_and_prints_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    class Closed:
        def __del__(self) -> None:
            signal.raise_signal(signal.SIGTERM)

    def close() -> None:
        Closed()
        time.sleep(10)

    with pytest.raises(Interrupted), Interrupts():
        close()
    assert capsys.readouterr().err == ""


def test_one_signal_that_comes_twice_at_once_is_one() -> None:
    """timeout(1) sends it to the process, and then to its group."""
    with Interrupts() as interrupts, interrupts.deferred(lambda: None):
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)
        assert interrupts.number == signal.SIGTERM


@pytest.mark.full
def test_a_second_signal_ends_the_process_though_the_main_thread_does_not_come_to_it() -> None:
    """It is inside a call of C that lets other threads run, and that a signal does not interrupt."""
    code = (
        "import ctypes, signal, time\n"
        "from melcli.run.interrupts import Interrupts\n"
        "with Interrupts() as interrupts, interrupts.deferred(lambda: None):\n"
        "    print(flush=True)\n"
        "    ctypes.CDLL(None).system(b'sleep 60')\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, start_new_session=True)
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    time.sleep(0.2)
    process.send_signal(signal.SIGTERM)
    try:
        assert wait(process, 10.0) == 128 + signal.SIGTERM
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def test_somebody_elses_alarm_rings(monkeypatch: pytest.MonkeyPatch) -> None:
    rung = []
    before = signal.signal(signal.SIGALRM, lambda *_: rung.append(True))
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        with Interrupts():
            pass
        assert wait_until(lambda: bool(rung))
    finally:
        signal.signal(signal.SIGALRM, before)


def test_signals_that_are_not_pythons_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a program that has an interpreter inside; they could not be given back."""
    asked = signal.getsignal
    monkeypatch.setattr(signal, "getsignal", lambda number: None if number == signal.SIGHUP else asked(number))
    before = asked(signal.SIGHUP)
    with Interrupts():
        assert asked(signal.SIGHUP) is before


def test_without_a_thread_signals_are_taken_all_the_same(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def refuse(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with pytest.raises(Interrupted), Interrupts():
        signal.raise_signal(signal.SIGTERM)
    assert capfd.readouterr().err == ""


def test_in_another_thread_signals_are_left_alone() -> None:
    """As a library: Python lets only the main thread take signals."""
    before = [signal.getsignal(number) for number in SIGNALS]

    def enter() -> list[Any]:
        with Interrupts():
            return [signal.getsignal(number) for number in SIGNALS]

    with ThreadPoolExecutor(1) as threads:
        assert threads.submit(enter).result() == before
