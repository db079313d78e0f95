"""Without /dev/null, as in a chroot or a container with an empty /dev, everything works."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from melcli import null_device
from melcli.null_device import open_null
from tests.cli.shell import Ended, closed_pipe, full_disk, signals_heeded
from tests.elapsed import communicate, fail_after
from tests.run.corpus import LIGHT, plant
from tests.tiers import full_but

Command = Callable[..., Ended]

INSIDE = 'mount -t tmpfs tmpfs /dev && test ! -e /dev/null && exec "$@"'
NAMESPACE = ["unshare", "--mount", "--propagation", "private", "sh", "-c", INSIDE, "sh"]


@pytest.mark.parametrize("path", [os.devnull, "/no such folder/null"])
def test_it_gives_nothing_and_takes_something(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    monkeypatch.setattr(os, "devnull", path)
    with fail_after(20.0):
        for _ in range(3):
            null = open_null()
            assert not os.get_inheritable(null)
            assert os.read(null, 10) == b""
            assert os.write(null, b"x" * 20_000) == 20_000
            assert os.read(null, 10) == b""
            os.close(null)


def test_a_stand_in_that_is_full_refuses_rather_than_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "devnull", "/no such folder/null")
    null_device._replacement.cache_clear()
    null = open_null()
    with fail_after(20.0), pytest.raises(BlockingIOError):
        _fill(null)
    os.close(null)
    null_device._replacement.cache_clear()


def _fill(descriptor: int) -> None:
    for _ in range(100):
        os.write(descriptor, b"x" * 100_000)


def test_many_of_them_cost_no_descriptors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "devnull", "/no such folder/null")
    os.close(open_null())
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(10):
        os.close(open_null())
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.fixture
def without(tmp_path: Path) -> Callable[..., Ended]:
    """Run melcli where /dev is empty."""
    if shutil.which("unshare") is None:
        pytest.skip("needs unshare, of util-linux")
    tried = subprocess.run([*NAMESPACE, "true"], capture_output=True, text=True)
    if tried.returncode != 0:
        pytest.skip(f"cannot make a mount namespace here: {tried.stderr.strip()}")
    plant(tmp_path / "in", "a.wav", "b.flac", seconds=0.1)

    def run(*arguments: str, close: str = "", **streams: int) -> Ended:
        code = f'import os, sys\n{close}\nos.execv(sys.executable, [sys.executable, "-m", "melcli", *sys.argv[1:]])'
        command = [*NAMESPACE, sys.executable, "-c", code, *arguments]
        pipe = subprocess.PIPE
        with signals_heeded():
            process = subprocess.Popen(
                command, cwd=tmp_path, **{"stdin": pipe, "stdout": pipe, "stderr": pipe, **streams}
            )
        out, err = communicate(process)
        return Ended(process.returncode, (out or b"").decode(), (err or b"").decode())

    return run


@pytest.mark.full
def test_a_run_is_done(without: Callable[..., Ended], tmp_path: Path) -> None:
    ended = without("extract", "in", *LIGHT, "-j", "2", "--json", "-o", "out")
    assert ended.code == 0, ended.err
    assert json.loads(ended.out)["ok"] == 2
    assert (tmp_path / "out" / "a.npy").exists()


@pytest.mark.full
def test_the_other_commands_work(without: Callable[..., Ended]) -> None:
    assert without("extract", "in", *LIGHT, "-f", "hdf5", "-o", "out").code == 0
    assert without("verify", "out", "--read-data", "--recompute", "100%").code == 0
    assert without("status", "out", "--check").code == 0
    assert without("doctor", "out").err == ""


CLOSED = ("os.close(0)", "os.close(1)", "os.close(2)", "os.closerange(0, 3)")


@pytest.mark.full
@pytest.mark.parametrize("close", full_but(CLOSED, "os.closerange(0, 3)"))
def test_a_run_is_done_also_without_standard_streams(without: Callable[..., Ended], tmp_path: Path, close: str) -> None:
    ended = without("extract", "in", *LIGHT, "-o", "out", close=close)
    assert ended.code == 0, ended.err
    assert "Traceback" not in ended.err
    assert (tmp_path / "out" / "manifest.jsonl").exists()


@pytest.mark.full
def test_what_nobody_takes_is_refused_in_a_sentence(without: Callable[..., Ended]) -> None:
    full = full_disk()
    ended = without("extract", "in", *LIGHT, "-nv", "-o", "out", stdout=full)
    os.close(full)
    assert ended.code == 6
    assert ended.err.splitlines()[-1] == "melcli: error: cannot write to standard output: No space left on device"
    assert "Exception ignored" not in ended.err


@pytest.mark.full
def test_a_log_that_nobody_reads_is_no_reason_to_stop(without: Callable[..., Ended]) -> None:
    nobody = closed_pipe()
    ended = without("extract", "in", *LIGHT, "-o", "out", stderr=nobody)
    os.close(nobody)
    assert ended.code == 0
