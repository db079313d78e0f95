"""`melcli.extract`: what the command does, as a function."""

from __future__ import annotations

import json
import os
import pickle
import signal
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import melcli
from melcli.run.interrupts import DUPLICATE_S, SIGNALS
from tests.elapsed import run, wait_until
from tests.run.corpus import LIGHT, plant, rows, tree

CONFIG = melcli.load_config("keras", sampling_rate=8000, fft_length=512, sequence_stride=256, num_mel_bins=20)


@pytest.fixture
def sounds(tmp_path: Path) -> Path:
    """Three files, one of them deeper, and a bad one."""
    plant(tmp_path / "in", "a.wav", "b.flac", "deep/er/c.wav")
    (tmp_path / "in" / "bad.wav").write_text("no audio")
    return tmp_path / "in"


@pytest.fixture
def command(request: pytest.FixtureRequest) -> Any:
    """Return the fixture `melcli` by a name that is not the package's."""
    return request.getfixturevalue("melcli")


def test_it_does_what_the_command_does(command: Any, sounds: Path, tmp_path: Path) -> None:
    ended = command("extract", sounds, *LIGHT, "-o", tmp_path / "by command", "--json", "-q")
    report = melcli.extract(sounds, tmp_path / "out", config=CONFIG)
    assert tree(tmp_path / "out") == tree(tmp_path / "by command")
    told = json.loads(ended.out)
    counts = ("ok", "unchanged", "failed", "failed_before", "not_done", "orphans", "reasons", "exit_code", "stopped_by")
    assert {name: getattr(report, name) for name in counts} == {name: told[name] for name in counts}
    assert (report.ok, report.failed, report.exit_code, report.out) == (3, 1, 3, str(tmp_path / "out"))
    assert list(report.warnings) == told["warnings"]


def test_the_report_has_the_failures(inline: None, sounds: Path, tmp_path: Path) -> None:
    report = melcli.extract([sounds / "bad.wav", str(sounds / "a.wav")], tmp_path / "out", config=CONFIG)
    (failure,) = report.failures
    row = rows(tmp_path / "out")["bad"]
    assert (failure.id, failure.source, failure.reason) == ("bad", str(sounds / "bad.wav"), row["reason"])
    assert failure.message == row["message"]
    assert report.reasons == {row["reason"]: 1}
    assert str(report).startswith("1 ok  1 failed  0.2 s of audio")
    assert "_summary" not in repr(report)
    assert pickle.loads(pickle.dumps(report)) == report
    again = melcli.extract(sounds, tmp_path / "out", config=CONFIG)
    assert (again.unchanged, again.failed_before, again.reasons) == (1, 1, {})
    assert [failure.id for failure in again.failures] == ["bad"]


def test_without_failures_there_are_none_and_what_is_no_row_is_told(inline: None, sounds: Path, tmp_path: Path) -> None:
    report = melcli.extract(sounds / "a.wav", tmp_path / "out", config=CONFIG)
    assert (report.failures, report.exit_code) == ([], 0)
    again = melcli.extract(sounds / "a.wav", tmp_path / "out", config=CONFIG)
    (tmp_path / "out" / "failures.jsonl").write_text("{}\n")
    with pytest.raises(melcli.StorageError, match=r"failures\.jsonl"):
        _ = again.failures


def test_the_options_are_those_of_the_command(inline: None, sounds: Path, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    report = melcli.extract(
        sounds,
        tmp_path / "out",
        config=CONFIG,
        jobs=2,
        include=["*.wav"],
        exclude=["bad.*", "c.*"],
        max_duration_s=0.1,
        timeout_per_item_s=60,
        max_time_s=3600,
        progress=lambda done, total: told.append((done, total)),
    )
    assert (report.ok, report.reasons) == (0, {"too_long": 1})
    assert (told[0], told[-1]) == ((0, 1), (1, 1))
    again = melcli.extract(sounds / "a.wav", tmp_path / "out", config=CONFIG, retry_failed=True)
    assert (again.ok, again.failed) == (1, 0)
    other = melcli.load_config(tmp_path / "out" / "melcli.yaml", num_mel_bins=10)
    with pytest.raises(melcli.ConfigError, match="was made with another config"):
        melcli.extract(sounds / "a.wav", tmp_path / "out", config=other)
    assert melcli.extract(sounds / "a.wav", tmp_path / "out", config=other, overwrite=True).ok == 1


def test_tables_and_kaldi_folders(inline: None, sounds: Path, tmp_path: Path) -> None:
    table = tmp_path / "parts.txt"
    table.write_text("clip|words\na|one\nb|two\n")
    report = melcli.extract(
        [],
        tmp_path / "out",
        config=CONFIG,
        tables=table,
        table_format="pipe",
        columns={"id": "clip", "text": "words"},
        root=sounds,
        path_template="{clip}.wav",
    )
    assert (report.ok, report.failed) == (1, 1)
    found = rows(tmp_path / "out")
    assert {name: (row["source"], row["columns"]) for name, row in found.items()} == {
        "a": (str(sounds / "a.wav"), {"text": "one"}),
        "b": (str(sounds / "b.wav"), {"text": "two"}),
    }
    data = tmp_path / "data"
    data.mkdir()
    (data / "wav.scp").write_text("k a.wav\nl cat a.wav |\n")
    with pytest.raises(melcli.ConfigError, match="--allow-commands"):
        melcli.extract(data, tmp_path / "kaldi", config=CONFIG, root=sounds)
    (data / "wav.scp").write_text(f"k a.wav\nl cat '{sounds}/a.wav' |\n")
    assert melcli.extract(data, tmp_path / "kaldi", config=CONFIG, root=sounds, allow_commands=True).ok == 2


@pytest.mark.parametrize(
    "arguments, error, words",
    [
        ({"tables": [], "columns": {"path": "x"}}, melcli.ConfigError, "^--column needs a --table"),
        ({"tables": "s3://bucket/a.csv"}, melcli.ConfigError, "is a URL"),
        ({"inputs": []}, melcli.ConfigError, "^inputs is empty"),
        ({"out": ""}, melcli.ConfigError, "^out is empty"),
        ({"out": "s3://bucket"}, melcli.ConfigError, "is a URL"),
        ({"jobs": 0}, melcli.ConfigError, r"^jobs=0 must be an integer of 1 or more$"),
        ({"jobs": 2.0}, melcli.ConfigError, r"^jobs=2.0 must be an integer"),
        ({"max_time_s": 0}, melcli.ConfigError, r"^max_time_s=0 must be above 0 and finite$"),
        ({"config": "wisper"}, melcli.ConfigError, "did you mean 'whisper'"),
        ({"exclude": ["*"]}, melcli.NoInput, "^no audio file matched"),
        ({"out": "/proc/none"}, melcli.StorageError, "/proc/none"),
    ],
    ids=str,
)
def test_errors_are_raised_as_documented(
    arguments: dict[str, Any], error: type[Exception], words: str, inline: None, sounds: Path, tmp_path: Path
) -> None:
    with pytest.raises(error, match=words):
        melcli.extract(**{"inputs": sounds, "out": tmp_path / "out", "config": CONFIG, **arguments})


def test_another_run_in_the_same_out_is_told(inline: None, sounds: Path, tmp_path: Path) -> None:
    from melcli.store.lock import lock_output

    with lock_output(str(tmp_path / "out")), pytest.raises(melcli.OutputBusy):
        melcli.extract(sounds, tmp_path / "out", config=CONFIG)


def test_empty_filters_are_a_warning(inline: None, sounds: Path, tmp_path: Path) -> None:
    config = melcli.load_config("keras", sampling_rate=8000, fft_length=128, num_mel_bins=100)
    report = melcli.extract(sounds, tmp_path / "out", config=config)
    assert any("empty" in warning for warning in report.warnings)


def test_what_progress_raises_ends_the_run_and_finished_work_is_kept(
    inline: None, sounds: Path, tmp_path: Path
) -> None:
    def refuse(done: int, total: int) -> None:
        if done:
            raise LookupError("enough")

    with pytest.raises(LookupError):
        melcli.extract(sounds, tmp_path / "out", config=CONFIG, progress=refuse)
    report = melcli.extract(sounds, tmp_path / "out", config=CONFIG)
    assert (report.ok, report.failed) == (3, 1)


def handlers() -> list[Any]:
    found = [signal.getsignal(number) for number in (*SIGNALS, signal.SIGALRM, signal.SIGCHLD)]
    wakeup = signal.set_wakeup_fd(-1)
    signal.set_wakeup_fd(wakeup)
    return [*found, wakeup, signal.getitimer(signal.ITIMER_REAL), sys.excepthook, sys.unraisablehook]


def test_nothing_of_the_process_is_left_changed(sounds: Path, tmp_path: Path) -> None:
    environment, before, threads = dict(os.environ), handlers(), threading.active_count()
    open_before = set(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else set()
    assert melcli.extract(sounds, tmp_path / "out", config=CONFIG, jobs=1).ok == 3
    assert handlers() == before
    assert dict(os.environ) == environment
    assert wait_until(lambda: threading.active_count() <= threads)
    assert set(os.listdir("/proc/self/fd")) <= open_before or not open_before


def test_another_thread_can_call_it(inline: None, sounds: Path, tmp_path: Path) -> None:
    with ThreadPoolExecutor(1) as pool:
        report = pool.submit(melcli.extract, sounds, tmp_path / "out", config=CONFIG).result()
    assert report.ok == 3


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_stops_the_run_and_reaches_the_handlers_of_the_program(
    number: signal.Signals, inline: None, sounds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("melcli.run.execute.MAX_BATCH_ITEMS", 1)
    taken: list[int] = []
    before = signal.signal(number, lambda number, frame: taken.append(number))
    try:
        report = melcli.extract(sounds, tmp_path / "out", config=CONFIG, jobs=1, progress=once(number))
    finally:
        signal.signal(number, before)
    assert taken == [number]
    assert (report.stopped_by, report.exit_code) == (number.name, 128 + number)
    assert report.not_done
    assert melcli.extract(sounds, tmp_path / "out", config=CONFIG).exit_code == 3


def once(number: int) -> Callable[[int, int], None]:
    """Return a progress that sends this process a signal when the first batch is done."""
    waiting = [number]

    def send(done: int, total: int) -> None:
        if done and waiting:
            signal.raise_signal(waiting.pop())

    return send


def test_ctrl_c_is_a_keyboard_interrupt_and_finished_work_is_kept(
    inline: None, sounds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("melcli.run.execute.MAX_BATCH_ITEMS", 1)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            melcli.extract(sounds, tmp_path / "out", config=CONFIG, progress=once(signal.SIGINT))
    finally:
        signal.signal(signal.SIGINT, before)
    assert rows(tmp_path / "out")
    assert melcli.extract(sounds, tmp_path / "out", config=CONFIG).exit_code == 3


@pytest.mark.full
def test_a_second_ctrl_c_does_not_end_the_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it would end a notebook's kernel; the work that is under way is dropped, and what was recorded is kept."""
    monkeypatch.setattr("melcli.run.execute.MAX_BATCH_ITEMS", 1)
    plant(tmp_path / "in", *(f"{number}.wav" for number in range(20)))
    sent: list[int] = []

    def twice(done: int, total: int) -> None:
        if done and len(sent) < 2:
            sent.append(done)
            signal.raise_signal(signal.SIGINT)
            time.sleep(2 * DUPLICATE_S)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            melcli.extract(tmp_path / "in", tmp_path / "out", config=CONFIG, jobs=1, progress=twice)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
    assert len(sent) == 2
    assert len(rows(tmp_path / "out")) < 20
    assert melcli.extract(tmp_path / "in", tmp_path / "out", config=CONFIG, jobs=1).ok == 20


@pytest.mark.full
@pytest.mark.parametrize("how", ["script", "guarded", "stdin", "sigchld ignored"])
def test_a_script_needs_no_guard(how: str, sounds: Path, tmp_path: Path) -> None:
    """The workers do not import the program that calls, as those of multiprocessing do."""
    call = f"print(melcli.extract({str(sounds)!r}, {str(tmp_path / 'out')!r}, config='keras', jobs=2).ok)"
    lines = ["import melcli, signal", "print('started')"]
    if how == "sigchld ignored":
        lines.append("signal.signal(signal.SIGCHLD, signal.SIG_IGN)")
    lines += [f"if __name__ == '__main__': {call}" if how == "guarded" else call]
    script = tmp_path / "script.py"
    script.write_text("\n".join(lines))
    command = [sys.executable, "-"] if how == "stdin" else [sys.executable, str(script)]
    with script.open() as file:
        ended = run(command, check=True, text=True, stdin=file, cwd=tmp_path)
    assert ended.stdout == "started\n3\n"
    assert ended.stderr == ""
