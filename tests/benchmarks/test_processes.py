"""What a command costs holds what it leaves behind; in processes of their own, since they adopt orphans."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.watch import Watch

ROOT = Path(__file__).parents[2]
linux = pytest.mark.skipif(sys.platform != "linux", reason="orphans are adopted, and /proc is there, on Linux only")

RUN = """
import json, sys
from benchmarks.processes import run_command
run = run_command([sys.executable, "-c", sys.argv[1]])
print(json.dumps([run.wall_s, run.cpu_s, run.output]))
"""
BUSY = "import time\nwhile time.process_time() < {cpu_s}: pass"
LEAVES_ONE_BEHIND = f"""
import subprocess, sys
subprocess.Popen([sys.executable, "-c", {BUSY.format(cpu_s=0.4)!r}])
"""


def run(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", RUN, program], cwd=ROOT, capture_output=True, text=True, check=False)


def test_the_output_is_kept():
    assert json.loads(run("print('said')").stdout)[2] == "said\n"


@linux
def test_cpu_seconds_hold_a_process_that_outlives_its_parent():
    _, cpu_s, _ = json.loads(run(LEAVES_ONE_BEHIND).stdout)
    assert cpu_s >= 0.4


def test_a_command_that_fails_is_not_timed():
    ended = run("raise SystemExit('no such folder')")
    assert ended.returncode != 0
    assert "ended with 1:\nno such folder" in ended.stderr


@pytest.mark.full
@linux
def test_the_peak_of_memory_that_was_given_back_is_seen():
    program = "import time; block = bytearray(80_000_000); del block; time.sleep(0.5)"
    process = subprocess.Popen([sys.executable, "-c", program], start_new_session=True)
    watch = Watch()
    watch.start(process.pid)
    assert os.wait4(process.pid, 0)[1] == 0
    process.returncode = 0
    watch.finish()
    assert watch.peaks_mb.keys() == {"parent"}
    assert 80 < watch.peaks_mb["parent"]["resident"] < 160
