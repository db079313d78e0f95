"""What a log holds of a run: its start, its warnings, its failures, and its end in any case."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from melcli.cli.run_log import RunLog
from melcli.run.report import Report
from melcli.run.worker_losses import WorkerLoss
from melcli.sources.found import Found
from melcli.sources.inputs import find_items
from melcli.version import __version__
from tests.cli.shell import Ended, run_alone, start
from tests.run.corpus import LIGHT, plant
from tests.run.invariants import check_finished

Melcli = Callable[..., Ended]
STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d")
HEAVY = ("-s", "sampling_rate=8000", "-s", "fft_length=8192", "-s", "sequence_stride=16", "-s", "num_mel_bins=4")


@pytest.fixture
def sounds(tmp_path: Path) -> Path:
    plant(tmp_path / "in", "a.wav", "b.wav")
    return tmp_path / "in"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "run.log"


def events(log: Path) -> list[dict[str, str]]:
    """Read a log as programs do."""
    found = []
    for line in log.read_text().splitlines():
        stamp, *fields = shlex.split(line)
        assert STAMP.fullmatch(stamp), line
        found.append(dict(field.split("=", 1) for field in fields))
    return found


def names(log: Path) -> list[str]:
    return [event["event"] for event in events(log)]


def test_a_run_from_start_to_end(melcli: Melcli, sounds: Path, tmp_path: Path, log: Path) -> None:
    (sounds / "bad\nevent=end.wav").write_bytes(b"")
    arguments = ("extract", sounds, *LIGHT, "-o", tmp_path / "out", "--log-file", log, "-j", "2")
    ended = melcli(*arguments, "--json", "-v")
    assert ended.code == 3
    told = json.loads(ended.out)
    assert re.fullmatch("[0-9a-f]{8}", told["run_id"])
    assert f"run {told['run_id']}" in ended.err.splitlines()
    found = events(log)
    assert names(log) == ["start", "config", "found", "plan", "input_failed", "end"]
    assert {event["run"] for event in found} == {told["run_id"]}
    assert [event["level"] for event in found] == ["info"] * 4 + ["warning"] * 2
    begun, config, inputs, plan, failed, end = found
    assert (begun["version"], begun["command"].split()[:2]) == (__version__, ["melcli", "extract"])
    assert (config["config"], config["out"], config["workers"]) == ("keras", str(tmp_path / "out"), "2")
    assert f"config_id: {config['config_id']}" in (tmp_path / "out" / "melcli.yaml").read_text().replace("'", "")
    assert (inputs["inputs"], plan["to_do"]) == ("3", "3")
    assert (failed["id"], failed["reason"]) == (r"bad\x0aevent=end", "empty")
    assert (end["exit_code"], end["ok"], end["failed"], end["not_done"]) == ("3", "2", "1", "0")
    check_finished(tmp_path / "out")


def test_runs_share_a_log(melcli: Melcli, sounds: Path, tmp_path: Path, log: Path) -> None:
    for _ in range(2):
        assert melcli("extract", sounds, *LIGHT, "-o", tmp_path / "out", "--log-file", log, "-q").code == 0
    assert names(log) == ["start", "config", "found", "plan", "end"] * 2
    assert len({event["run"] for event in events(log)}) == 2


@pytest.mark.parametrize("quiet", [[], ["-q"]])
def test_every_warning_is_in_the_log_and_in_json(melcli: Melcli, tmp_path: Path, log: Path, quiet: list[str]) -> None:
    """Also those that ``-q`` does not print."""
    plant(tmp_path / "in", "a.wav")  # 8 kHz, for a config of 16 kHz
    ended = melcli("extract", tmp_path / "in", "-o", tmp_path / "out", "--log-file", log, "--json", *quiet)
    warnings = json.loads(ended.out)["warnings"]
    assert ["too low a sampling rate" in warning for warning in warnings] == [True]
    assert [event["message"] for event in events(log) if event["event"] == "warning"] == warnings
    assert ended.err.count("warning: ") == (0 if quiet else 1)


def test_a_folder_that_cannot_be_read_is_a_warning(
    melcli: Melcli, monkeypatch: pytest.MonkeyPatch, sounds: Path, tmp_path: Path, log: Path
) -> None:
    def find(*arguments: Any, **options: Any) -> Found:
        return replace(find_items(*arguments, **options), unreadable={"in/x": "Permission denied"})

    monkeypatch.setattr("melcli.run.extract.find_items", find)
    ended = melcli("extract", sounds, *LIGHT, "-o", tmp_path / "out", "--log-file", log, "--json", "-q")
    warning = "could not read 1 folder: in/x (Permission denied)"
    assert (ended.code, ended.err) == (3, f"warning: {warning}\n")
    assert json.loads(ended.out)["warnings"] == [warning]
    assert [event["message"] for event in events(log) if event["event"] == "warning"] == [warning]


@pytest.mark.parametrize(
    "arguments, code, error",
    [
        (["nothing"], "2", "INPUT nothing cannot be read"),
        ([], "2", "no INPUT"),
        ([".", "-s", "num_mel_bins=0"], "2", "num_mel_bins=0"),
        (["."], "5", "no audio file matched"),
    ],
)
def test_an_error_is_the_end(
    melcli: Melcli,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    log: Path,
    arguments: list[str],
    code: str,
    error: str,
) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    ended = melcli("extract", *arguments, "-o", "out", "--log-file", log, "--json")
    assert ended.code == int(code)
    end = events(log)[-1]
    assert (names(log)[0], end["event"], end["level"], end["exit_code"]) == ("start", "end", "error", code)
    assert error in end["error"]
    if ended.out:
        assert json.loads(ended.out)["run_id"] == end["run"]


def test_a_bug_is_the_end_too(melcli: Melcli, monkeypatch: pytest.MonkeyPatch, sounds: Path, log: Path) -> None:
    def fail(*_: object, **__: object) -> None:
        raise KeyError("a bug")

    monkeypatch.setattr("melcli.run.extract.make_plan", fail)
    with pytest.raises(KeyError):
        melcli("extract", sounds, "-o", log.parent / "out", "--log-file", log)
    assert (events(log)[-1]["exit_code"], events(log)[-1]["error"]) == ("1", "'a bug'")


@pytest.mark.parametrize("name", [".", "no/run.log", "out/run.log", "pipe"])
def test_a_log_that_cannot_be_opened_ends_the_command_before_any_work(
    melcli: Melcli, sounds: Path, tmp_path: Path, name: str
) -> None:
    (tmp_path / "out").mkdir()
    os.mkfifo(tmp_path / "pipe")
    ended = melcli("extract", sounds, "-o", tmp_path / "out", "--log-file", tmp_path / name)
    assert (ended.code, list((tmp_path / "out").iterdir())) == (2, [])
    assert ended.err.startswith("melcli: error: --log-file ")


def test_a_log_that_takes_no_more_is_told_once_and_stops_nothing(melcli: Melcli, sounds: Path, tmp_path: Path) -> None:
    ended = melcli("extract", sounds, *LIGHT, "-o", tmp_path / "out", "--log-file", "/dev/full", "--json")
    assert ended.code == 0
    problem = "cannot write to the log /dev/full: No space left on device; the run continues without these lines"
    assert ended.err.count("/dev/full") == 1
    assert f"warning: {problem}" in ended.err.splitlines()
    assert json.loads(ended.out)["warnings"] == [problem]


def test_lines_that_were_lost_are_counted_when_there_is_space_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, log: Path
) -> None:
    told: list[str] = []
    with RunLog(str(log), out=str(tmp_path / "out"), run_id="1a2b3c4d", tell=told.append) as run:
        with monkeypatch.context() as full:
            full.setattr("melcli.cli.log_file.os.write", lambda *_: (_ for _ in ()).throw(OSError(28, "full")))
            run.event("a")
            run.event("b")
        run.event("c")
    assert [(event["event"], event.get("lines")) for event in events(log)] == [
        ("start", None),
        ("lines_lost", "3"),  # with the one that would have said so
        ("c", None),
    ]
    assert len(told) == 1


def test_the_log_is_never_an_input(melcli: Melcli, sounds: Path, tmp_path: Path) -> None:
    log = sounds / "run.log"
    listed = tmp_path / "list"
    listed.write_text(f"{log}\n{sounds / 'a.wav'}\n")
    common = (*LIGHT, "--log-file", log, "--json")
    by_glob = melcli("extract", sounds, *common, "--include", "*", "-o", tmp_path / "out")
    by_list = melcli("extract", *common, "--files-from", listed, "-o", tmp_path / "out2")
    assert [(ended.code, json.loads(ended.out)["ok"]) for ended in (by_glob, by_list)] == [(0, 2), (0, 1)]
    assert "1 other (.log 1)" in by_list.err


def test_a_dry_run_writes_no_log(melcli: Melcli, sounds: Path, tmp_path: Path, log: Path) -> None:
    assert melcli("extract", sounds, "-o", tmp_path / "out", "-n", "--log-file", log).code == 0
    assert not log.exists()


def test_verify_has_a_log_too(melcli: Melcli, sounds: Path, tmp_path: Path, log: Path) -> None:
    assert melcli("extract", sounds, *LIGHT, "-o", tmp_path / "out", "-q").code == 0
    (tmp_path / "out" / "a.npy").unlink()
    ended = melcli("verify", tmp_path / "out", "--log-file", log, "--json")
    begun, damaged, end = events(log)
    assert (ended.code, begun["event"], begun["run"]) == (4, "start", json.loads(ended.out)["run_id"])
    assert (damaged["event"], damaged["id"], damaged["kind"]) == ("damaged", "a", "missing")
    assert (end["event"], end["exit_code"], end["damages"]) == ("end", "4", "1")


def test_progress_every_half_minute_and_why_it_stops(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, log: Path
) -> None:
    now = [1000.0]
    monkeypatch.setattr("melcli.cli.run_log.time.monotonic", lambda: now[0])
    with RunLog(str(log), out=str(tmp_path / "out"), run_id="1a2b3c4d", tell=print) as run:
        report = Report(out="OUT", to_do=8000, started_s=1000.0)
        for _ in range(130):
            now[0] += 0.5
            report.done += 20
            run.advanced(report)
        report.stopped_by = "SIGTERM"
        run.advanced(report)
        run.advanced(report)
        loss = WorkerLoss(kind="worker_crash", pid=7, how="SIGSEGV", inputs=("in/a.wav", "in/b.wav"), stderr="hm")
        run.worker_lost(loss)
        run.retrying(2, batches=1)
    assert [event.get("finished") for event in events(log) if event["event"] == "progress"] == ["1200", "2400"]
    assert [event["reason"] for event in events(log) if event["event"] == "stopping"] == ["SIGTERM"]
    lost, retry = events(log)[-2:]
    del lost["run"], retry["run"]
    assert lost == {
        "event": "worker_crash",
        "level": "warning",
        "pid": "7",
        "how": "SIGSEGV",
        "inputs": "2",
        "first_input": "in/a.wav",
        "stderr": "hm",
    }
    assert retry == {"event": "retry", "level": "info", "inputs": "2", "batches": "1"}


@pytest.mark.full
def test_a_signal_is_in_the_log(tmp_path: Path, log: Path) -> None:
    plant(tmp_path / "in", *[f"{number:03}.wav" for number in range(40)], seconds=2.0)
    run = start("extract", tmp_path / "in", *HEAVY, "-j", "1", "--log-file", log, out=tmp_path / "out")
    run.wait_for_rows(1)
    run.signal(signal.SIGTERM, whole_group=False)
    assert run.end().code == 143
    assert names(log)[-2:] == ["stopping", "end"]
    stopping, end = events(log)[-2:]
    assert (stopping["reason"], end["stopped_by"], end["exit_code"]) == ("SIGTERM", "SIGTERM", "143")


@pytest.mark.full
def test_standard_error_can_be_the_log(sounds: Path, tmp_path: Path) -> None:
    ended = run_alone("extract", sounds, *LIGHT, "--log-file", "/dev/stderr", "-q", "-j", "1", out=tmp_path / "out")
    assert ended.code == 0
    assert [line.split(" event=")[1].split()[0] for line in ended.err.splitlines()] == [
        *("start", "config", "found", "plan", "end")
    ]
