"""The guard says no where the core has become slow."""

from __future__ import annotations

import json
import sys

import pytest

from benchmarks import guard
from benchmarks.core_peers import MELCLI
from benchmarks.guard import LIMIT, RECORDED, measured_ratio, scipy_era, too_slow
from benchmarks.settings import SETTINGS


def slowed(setting, signal):
    """Make a core that does everything five times."""
    core = MELCLI.make(setting, signal)
    return lambda: [core() for _ in range(5)][-1]


@pytest.fixture
def run(monkeypatch, tmp_path):
    """Return a function that runs the guard on ratios that are told, against recorded ones."""
    recorded = tmp_path / "guard.json"
    monkeypatch.setattr(guard, "RECORDED", recorded)
    monkeypatch.setattr(guard, "ONE_THREAD", {})  # this process keeps its environment

    def run(*measured, recorded_ratio=2.0, arguments=()):
        if recorded_ratio is not None:
            recorded.write_text(json.dumps({scipy_era(): {setting.name: recorded_ratio for setting in SETTINGS}}))
        left = {setting.name: list(measured) for setting in SETTINGS}

        def next_ratio(setting):
            ratios = left[setting.name]
            return ratios.pop(0) if len(ratios) > 1 else ratios[0]

        monkeypatch.setattr(guard, "measured_ratio", next_ratio)
        monkeypatch.setattr(sys, "argv", ["guard", *arguments])
        return guard.main()

    return run


def test_a_core_that_does_all_five_times_is_too_slow():
    setting = SETTINGS[1]
    now, then = measured_ratio(setting, slowed, rounds=3), measured_ratio(setting, rounds=3)
    (sentence,) = too_slow({setting.name: now}, {setting.name: then})
    assert sentence.startswith(f"The core takes {now:.2f} times the bare FFT at 1024/256/80 at 22.05 kHz; the limit is")


def test_the_limit_itself_is_allowed():
    assert too_slow({"a": 2.0 * LIMIT}, {"a": 2.0}) == []
    assert len(too_slow({"a": 2.0 * LIMIT + 0.01, "b": 9.0, "c": 1.0}, dict.fromkeys("abc", 2.0))) == 2


def test_a_slow_core_ends_with_1_and_a_sentence_for_each_setting(run, capsys):
    assert run(3.5) == 1
    said = capsys.readouterr().err.splitlines()
    assert len(said) == len(SETTINGS)
    assert "takes 3.50 times the bare FFT at 2048/512/128 at 16 kHz; the limit is 3.40" in said[0]


def test_a_core_as_fast_as_recorded_ends_with_0(run, capsys):
    assert run(3.3) == 0
    assert capsys.readouterr().err == ""


def test_one_noisy_minute_does_not_trip_it(run):
    assert run(9.0, 2.1) == 0


def test_without_a_record_it_says_so(run, capsys):
    assert run(2.0, recorded_ratio=None) == 1
    assert "--record" in capsys.readouterr().out


def test_what_is_recorded_is_held(run):
    assert run(3.0, recorded_ratio=2.0, arguments=["--record"]) == 0
    assert json.loads(guard.RECORDED.read_text()) == {scipy_era(): {setting.name: 3.0 for setting in SETTINGS}}


@pytest.mark.parametrize("version, era", [("1.17.1", "scipy below 1.18"), ("1.18.0rc1", "scipy 1.18 and later")])
def test_the_two_ffts_of_scipy_have_records_of_their_own(monkeypatch, version, era):
    monkeypatch.setattr("scipy.__version__", version)
    assert scipy_era() == era


def test_every_setting_is_recorded():
    recorded = json.loads(RECORDED.read_text(encoding="utf-8"))
    assert {"scipy below 1.18", "scipy 1.18 and later"} == recorded.keys()
    for ratios in recorded.values():
        assert ratios.keys() == {setting.name for setting in SETTINGS}
