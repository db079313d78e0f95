"""An ffmpeg that hangs, is killed, or is missing half-way, in a run with worker processes.

Rows of the table of faults: ffmpeg hangs, is killed, is missing half-way, is of another version.
"""

from __future__ import annotations

import os
import random
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.audio.ffmpeg.media import fake
from tests.cli.shell import Ended, Run, start
from tests.elapsed import stretch, wait_until
from tests.faults.loops import Tally, loop
from tests.faults.processes import descendants, kill_one
from tests.faults.work import kill_all
from tests.run.corpus import LIGHT, plant, rows
from tests.run.invariants import check_after_fault, check_finished, check_nobody_left

INPUT = "print(\"[info] Input #0, tta, from 'x':\\n[info]   Stream #0:0: Audio: tta\", file=sys.stderr, flush=True)"
SAMPLES = "write(struct.pack('<4000f', *[(n % 50) / 100 for n in range(4000)]))"
GOOD = (INPUT, "header()", SAMPLES)
TTA = b"TTA1" + bytes(range(256))
# The content of the file decides what a fake does.
CONTENT = "content = open(sys.argv[sys.argv.index('-i') + 1].removeprefix('file:'), 'rb').read()"


def corpus(folder: Path, *names: str, content: bytes = TTA) -> None:
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).write_bytes(content + name.encode())


def started(tmp_path: Path, program: Path, *arguments: Any) -> Run:
    command = ("extract", tmp_path / "in", *LIGHT, *arguments)
    return start(*command, out=tmp_path / "out", env={"MELCLI_FFMPEG": str(program)})


def ended_alone(run: Run) -> Ended:
    """Wait for the end of a run, after which none of its processes may be left."""
    try:
        ended = run.end()
        check_nobody_left(run.process.pid)
    finally:
        kill_all(run)
    return ended


@pytest.mark.few(1)
@pytest.mark.parametrize("where", ["while it writes", "before it writes"])
def test_it_hangs(tmp_path: Path, where: str) -> None:
    """Only that file fails, as timeout, and nothing of ffmpeg is left."""
    plant(tmp_path / "in", "a.wav")
    corpus(tmp_path / "in", "b.tta", "d.tta")
    corpus(tmp_path / "in", "c.tta", content=TTA + b"hang")
    hang = "if b'hang' in content: time.sleep(1000)"
    bodies = {"before it writes": (CONTENT, hang, *GOOD), "while it writes": (CONTENT, *GOOD, hang)}
    program = fake(tmp_path, *bodies[where])
    ended = ended_alone(started(tmp_path, program, "--timeout-per-item", f"{1.5 * stretch():.1f}s"))
    assert ended.code == 3, ended
    check_finished(tmp_path / "out")
    found = {item_id: row["reason"] for item_id, row in rows(tmp_path / "out").items()}
    assert found == {"a": None, "b.tta": None, "c.tta": "timeout", "d.tta": None}


def test_it_is_missing_half_way(tmp_path: Path) -> None:
    """The rest fails as unsupported_format, and is done by the same command once ffmpeg is back."""
    plant(tmp_path / "in", "a.wav")
    corpus(tmp_path / "in", *(f"{number}.tta" for number in range(6)))
    count = tmp_path / "count"
    leave = f"open({str(count)!r}, 'a').write('x'); os.path.getsize({str(count)!r}) < 4 or os.unlink(sys.argv[0])"
    program = fake(tmp_path, *GOOD, leave)
    ended = ended_alone(started(tmp_path, program, "-j", "1"))
    assert ended.code == 3
    check_finished(tmp_path / "out")
    reasons = [row["reason"] for row in rows(tmp_path / "out").values()]
    assert reasons.count("unsupported_format") >= 1
    assert reasons.count(None) >= 2
    fake(tmp_path, *GOOD)
    ended = ended_alone(started(tmp_path, program, "-j", "1"))
    assert (ended.code, len(rows(tmp_path / "out"))) == (0, 7)
    check_finished(tmp_path / "out")


@loop(quick=3, soak=50)
def test_kills(rounds: int, seed: int, tally: Tally, tmp_path: Path) -> None:
    """SIGKILL of the driver, a worker or an ffmpeg: none of them is left, and the same command completes the work."""
    chance = random.Random(f"ffmpeg {seed}")
    slow = "time.sleep(0.05)"
    for number in range(rounds):
        with tally.round():
            home = tmp_path / f"{number}"
            home.mkdir()
            corpus(home / "in", *(f"{one}.tta" for one in range(12)))
            program = fake(home, *GOOD, slow)
            run = started(home, program, "-j", "2")
            try:
                assert wait_for_ffmpeg(run)
                victims = [run.process.pid, *descendants(run)]
                kill_one(chance.choice(victims), signal.SIGKILL)
                run.end()
                check_nobody_left(run.process.pid)
            finally:
                kill_all(run)
            check_after_fault(home / "out")
            ended = ended_alone(started(home, program, "-j", "2"))
            assert (ended.code, len(rows(home / "out"))) == (0, 12), ended
            check_finished(home / "out")


def wait_for_ffmpeg(run: Run) -> bool:
    """Wait until the run has started an ffmpeg, or has ended."""
    return wait_until(lambda: any(map(is_fake, descendants(run))) or run.process.poll() is not None)


def is_fake(process: int) -> bool:
    """Return whether a process is an ffmpeg that was started here."""
    try:
        return b"-format_whitelist" in Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return False


def test_ctrl_c(tmp_path: Path) -> None:
    """It reaches the whole group: the batch is finished, and ffmpeg is not interrupted."""
    corpus(tmp_path / "in", *(f"{one}.tta" for one in range(20)))
    program = fake(tmp_path, *GOOD, "time.sleep(0.05)", "sys.exit(0)")
    run = started(tmp_path, program)
    run.wait_for_rows(1)
    os.killpg(run.process.pid, signal.SIGINT)
    ended = ended_alone(run)
    assert ended.code in (130, 0), ended
    assert all(row["reason"] is None for row in rows(tmp_path / "out").values())
