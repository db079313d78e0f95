"""Things to do inside a worker, and a process of its own that starts one: ``python -m tests.run.engines.probe``."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import time
from pathlib import Path
from typing import Any

from melcli.run.engines.local import LocalEngine

__all__ = ["die", "double", "end", "nap", "refuse", "spin", "threads"]


def double(number: int) -> int:
    return 2 * number


def refuse(sentence: str) -> None:
    raise LookupError(sentence)


def die(number: int) -> None:
    os.kill(os.getpid(), number)
    time.sleep(60)


def end(code: int) -> None:
    os._exit(code)


def nap(seconds: float) -> int:
    """Sleep, and tell which worker slept."""
    time.sleep(seconds)
    return os.getpid()


def spin(file: str) -> None:
    """Write down which process this is, and be busy for ever."""
    Path(file).write_text(str(os.getpid()))
    while True:
        pass


def threads(size: int) -> dict[str, Any]:
    """Multiply and transform, and tell how many threads the libraries have and how many the process."""
    import numpy as np
    import scipy.fft
    import threadpoolctl  # type: ignore[import-untyped]

    matrix = np.random.default_rng(0).standard_normal((size, size))
    scipy.fft.rfft(np.fft.rfft(matrix @ matrix).real)
    status = Path("/proc/self/status")
    found = re.search(r"^Threads:\s*(\d+)", status.read_text(), re.MULTILINE) if status.exists() else None
    return {
        "libraries": {pool["internal_api"]: pool["num_threads"] for pool in threadpoolctl.threadpool_info()},
        "threads": int(found[1]) if found else None,
        "fft": scipy.fft.get_workers(),
    }


def main(what: str, argument: str) -> None:
    """Start an engine and have ``what`` done in a worker."""
    engine = LocalEngine(1)
    if what == "threads":
        print(json.dumps(engine.submit(threads, int(argument), timeout_s=60).result()))
    else:
        engine.submit(spin, argument, timeout_s=60).result()
    engine.stop()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    main(*sys.argv[1:])
