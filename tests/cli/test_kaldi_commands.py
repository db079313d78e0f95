"""Commands of Kaldi folders in runs of the real program: they end with it, whatever ends it."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.shell import Ended, Run, run_alone, start
from tests.elapsed import stretch, wait_until
from tests.run.corpus import LIGHT, plant, rows
from tests.run.invariants import check_after_fault, check_finished

Command = Callable[..., Ended]
KALDI = (*LIGHT, "--allow-commands", "-j", "1")


def folder(path: Path, *lines: str, segments: tuple[str, ...] = ()) -> Path:
    path.mkdir(exist_ok=True)
    (path / "wav.scp").write_text("".join(f"{line}\n" for line in lines))
    if segments:
        (path / "segments").write_text("".join(f"{line}\n" for line in segments))
    return path


def has_sleeper(mark: str) -> bool:
    for found in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if found.read_bytes() == f"sleep\0{mark}\0".encode():
                return True
        except OSError:
            continue
    return False


@pytest.fixture
def mark(tmp_path: Path) -> str:
    """A number of seconds to sleep that no other process has."""
    return f"8{os.getpid()}{len(str(tmp_path))}{abs(hash(tmp_path.name)) % 10**5:05d}"


def run_with_sleeper(tmp_path: Path, mark: str) -> Run:
    (sound,) = plant(tmp_path, "a.wav")
    data = folder(tmp_path / "data", f"a cat {sound} |", f"b cat {sound}; sleep {mark} |", f"c cat {sound} |")
    running = start("extract", data, *KALDI, out=tmp_path / "out")
    assert wait_until(lambda: has_sleeper(mark)), running.end()
    return running


def test_command_that_hangs_costs_its_item(tmp_path: Path, mark: str) -> None:
    (sound,) = plant(tmp_path, "a.wav", seconds=1.0)
    data = folder(
        tmp_path / "data",
        f"bad cat {sound}; sleep {mark} |",
        f"good cat {sound} |",
        segments=("a good 0 0.5", "b bad 0 0.5", "c bad 0.5 1", "d good 0.5 1"),
    )
    limit = f"{3 * stretch():.1f}"
    ended = run_alone("extract", data, *KALDI, "--timeout-per-item", limit, out=tmp_path / "out")
    assert ended.code == 3, ended
    found = {row_id: (row["status"], row["reason"]) for row_id, row in rows(tmp_path / "out").items()}
    timeout = ("failed", "timeout")
    assert found == {"a": ("ok", None), "b": timeout, "c": timeout, "d": ("ok", None)}
    assert wait_until(lambda: not has_sleeper(mark), 3.0)
    check_finished(tmp_path / "out")


@pytest.mark.full
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_command_ends_with_the_run(tmp_path: Path, mark: str, number: int) -> None:
    running = run_with_sleeper(tmp_path, mark)
    running.signal(number, whole_group=number == signal.SIGINT)
    if number != signal.SIGKILL:
        running.signal(number, whole_group=False)  # the second signal does not wait for items
    running.end()
    assert wait_until(lambda: not has_sleeper(mark), 5.0)
    check_after_fault(tmp_path / "out", session=running.process.pid)


@pytest.mark.full
def test_command_that_kills_its_worker_costs_its_item(tmp_path: Path) -> None:
    (sound,) = plant(tmp_path, "a.wav")
    data = folder(tmp_path / "data", f"a cat {sound} |", "b kill -KILL $PPID; sleep 9 |", f"c cat {sound} |")
    ended = run_alone("extract", data, *KALDI, out=tmp_path / "out")
    assert ended.code == 3, ended
    found = {row_id: row["reason"] for row_id, row in rows(tmp_path / "out").items()}
    assert found == {"a": None, "b": "decoder_crash", "c": None}


@pytest.mark.full
def test_messages_of_a_command_are_in_its_row(tmp_path: Path) -> None:
    data = folder(tmp_path / "data", "a echo 'no such \x1b[31mdisk' >&2; exit 7 |")
    ended = run_alone("extract", data, *KALDI, out=tmp_path / "out")
    assert ended.code == 3
    (row,) = rows(tmp_path / "out").values()
    assert row["reason"] == "unreadable"
    assert row["message"].endswith("the command ended with exit code 7")
    assert row["stderr"] == r"no such \x1b[31mdisk"


def test_failing_command_runs_once_for_all_its_segments(melcli: Command, tmp_path: Path) -> None:
    data = folder(
        tmp_path / "data",
        f"rec echo x >> {tmp_path}/runs; exit 1 |",
        segments=tuple(f"s{number} rec {number} {number + 1}" for number in range(9)),
    )
    ended = melcli("extract", data, *KALDI, "-o", tmp_path / "out")
    assert ended.code == 3
    assert {row["reason"] for row in rows(tmp_path / "out").values()} == {"unreadable"}
    assert (tmp_path / "runs").read_text() == "x\n"


def test_output_of_a_command_is_decoded_in_one_pass_for_all_its_segments(melcli: Command, tmp_path: Path) -> None:
    (sound,) = plant(tmp_path, "a.wav", seconds=4.0)
    data = folder(
        tmp_path / "data",
        f"rec echo x >> {tmp_path}/runs; cat {sound} |",
        segments=tuple(f"s{number:02} rec {number / 10} {number / 10 + 0.5}" for number in range(30)),
    )
    assert melcli("extract", data, *KALDI, "-o", tmp_path / "out").code == 0
    assert (tmp_path / "runs").read_text() == "x\n"
    assert len(rows(tmp_path / "out")) == 30


# Commands in rows that somebody else wrote.


@pytest.mark.parametrize(
    "words",
    [
        ("verify",),
        ("verify", "--recompute", "100%"),
        ("verify", "--repair"),
        ("status",),
        ("prune", "IN"),
        ("prune", "IN", "--delete"),
        ("compare", "OUT"),
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("value", [True, False])
def test_no_command_of_a_manifest_is_run(melcli: Command, tmp_path: Path, words: tuple[str, ...], value: bool) -> None:
    plant(tmp_path / "in", "a.wav", "b.wav")
    out = tmp_path / "out"
    assert melcli("extract", tmp_path / "in", *LIGHT, "-j", "1", "-o", out).code == 0
    lines = []
    for line in (out / "manifest.jsonl").read_text().splitlines():
        row = json.loads(line) | {"source": f"touch {tmp_path}/pwned", "is_command": value, "source_size": -1}
        lines.append(json.dumps(row | {"source_mtime_ns": 0}, separators=(",", ":")) + "\n")
    (out / "manifest.jsonl").write_text("".join(lines))
    command, *options = words
    ended = melcli(command, out, *({"OUT": out, "IN": tmp_path / "in"}.get(option, option) for option in options))
    assert ended.code in {0, 4}, ended
    assert not (tmp_path / "pwned").exists()


def test_rerun_without_permission_runs_nothing(melcli: Command, tmp_path: Path) -> None:
    (sound,) = plant(tmp_path, "a.wav")
    data, out = folder(tmp_path / "data", f"a cat {sound} |"), tmp_path / "out"
    assert melcli("extract", data, *KALDI, "-o", out).code == 0
    folder(data, f"a touch {tmp_path}/pwned; cat {sound} |")
    assert melcli("extract", data, *LIGHT, "-o", out).code == 2
    assert melcli("status", out).code == 0
    assert melcli("extract", data, *KALDI, "-n", "-o", out).code == 0  # an estimate runs no commands
    assert not (tmp_path / "pwned").exists()


def test_changed_command_is_recomputed_and_the_same_is_not(melcli: Command, tmp_path: Path) -> None:
    plant(tmp_path, "a.wav", "b.wav")
    data = folder(tmp_path / "data", f"x cat {tmp_path}/a.wav |", f"y cat {tmp_path}/a.wav |")
    out = tmp_path / "out"
    assert melcli("extract", data, *KALDI, "-o", out).code == 0
    before = rows(out)
    folder(data, f"x cat {tmp_path}/a.wav |", f"y cat {tmp_path}/b.wav |")
    ended = melcli("extract", data, *KALDI, "-n", "-o", out)
    assert "+ " not in ended.err
    assert melcli("extract", data, *KALDI, "-o", out).code == 0
    after = rows(out)
    assert after["x"] == before["x"]
    assert after["y"]["source"].endswith("b.wav")
    assert after["y"]["crc32"] != before["y"]["crc32"]
