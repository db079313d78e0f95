"""Calls to make inside a worker, and a process that starts one: ``python -m tests.run.engines.probe``."""

from __future__ import annotations

import ctypes
import json
import os
import re
import resource
import signal
import sys
import time
from pathlib import Path
from typing import Any

from melcli.errors import StorageError
from melcli.run.engines.channel import Answer, Ready
from melcli.run.engines.local import LocalEngine
from melcli.run.engines.worker import MAX_ITEMS_PER_WORKER
from melcli.run.watchdog import watchdog

__all__ = ["die", "double", "end", "length", "nap", "refuse", "shout", "spin", "threads"]


def double(number: int) -> int:
    return 2 * number


def length(data: bytes) -> int:
    return len(data)


def refuse(sentence: str) -> None:
    raise StorageError(sentence)


def shout(words: str) -> None:
    """Print like a native library, and crash."""
    os.write(1, words.encode())
    os.write(2, words.encode())
    os.abort()


def work(share: float) -> int:
    """Pretend to have done a share of the work in a worker's life."""
    watchdog.num_items += round(share * MAX_ITEMS_PER_WORKER)
    return os.getpid()


def advance(seconds: float) -> None:
    """Process an item, and 3 s of audio of the next one, and be busy for some time."""
    with watchdog.item(60.0):
        watchdog.advance(10.0)
    watchdog.advance(3.0)
    for _ in range(round(100 * seconds)):
        watchdog.advance(0.0)
        time.sleep(0.01)


_hoard: list[bytes] = []


def hoard(num_bytes: int) -> int:
    """Allocate memory."""
    _hoard.append(b"\1" * num_bytes)
    return os.getpid()


def hang_in_c(timeout_s: float) -> None:
    """Sleep in C without releasing Python's lock."""
    with watchdog.item(timeout_s):
        ctypes.PyDLL(None).sleep(60)


def die(number: int) -> None:
    os.kill(os.getpid(), number)
    time.sleep(60)


def end(code: int) -> None:
    os._exit(code)


def stop_in_item(timeout_s: float) -> None:
    """Begin an item and stop the process, as a debugger does."""
    with watchdog.item(timeout_s):
        signal.setitimer(signal.ITIMER_REAL, 0)  # the alarm would end the process once it continues
        os.kill(os.getpid(), signal.SIGSTOP)
        time.sleep(60)


def send(*messages: Any) -> None:
    """Send messages at the wrong time."""
    (sender,) = [watchdog._report]
    for message in messages:
        sender._end.send(message)  # type: ignore[union-attr]


def answer_twice(result: int) -> int:
    send(Answer(watchdog._report._number, result))  # type: ignore[union-attr]
    return result


def be_ready_again(result: int) -> int:
    send(Ready())
    time.sleep(60)
    return result


def answer_another(result: int) -> int:
    send(Answer(10**6, result))
    time.sleep(60)
    return result


def send_garbage(result: int) -> int:
    """Send data that cannot be unpickled."""
    end = watchdog._report._end  # type: ignore[union-attr]
    end._end.sendall((9).to_bytes(8, "big") + b"\x80\x05garbage")
    time.sleep(60)
    return result


def nap(seconds: float) -> int:
    """Sleep, and return the id of the worker."""
    time.sleep(seconds)
    return os.getpid()


def nap_in_items(seconds: float) -> None:
    """Sleep in several items, each within its limit, so that only the driver's limit applies."""
    for _ in range(6):
        with watchdog.item(seconds):
            signal.setitimer(signal.ITIMER_REAL, 0)  # the alarm would end this process
            time.sleep(seconds)


def spin(file: str) -> None:
    """Write down the process id, and be busy forever."""
    Path(file).write_text(str(os.getpid()))
    while True:
        pass


def threads(size: int) -> dict[str, Any]:
    """Multiply and transform; return the number of threads of the libraries and of the process."""
    import numpy as np
    import scipy.fft
    import threadpoolctl

    matrix = np.random.default_rng(0).standard_normal((size, size))
    scipy.fft.rfft(np.fft.rfft(matrix @ matrix).real)
    status = Path("/proc/self/status")
    found = re.search(r"^Threads:\s*(\d+)", status.read_text(), re.MULTILINE) if status.exists() else None
    return {
        "libraries": {pool["internal_api"]: pool["num_threads"] for pool in threadpoolctl.threadpool_info()},
        "threads": int(found[1]) if found else None,
        "fft": scipy.fft.get_workers(),
    }


def core_limit(nothing: None) -> tuple[int, int]:
    return resource.getrlimit(resource.RLIMIT_CORE)


def main(what: str, argument: str, folder: str | None = None) -> None:
    """Start an engine and make the call ``what`` in a worker."""
    resource.setrlimit(resource.RLIMIT_CORE, (resource.getrlimit(resource.RLIMIT_CORE)[1],) * 2)
    from tests.run.engines.probe import core_limit, die, nap_in_items, spin, threads  # not those of __main__

    engine = LocalEngine(1, folder=folder)
    if what == "threads":
        print(json.dumps(engine.submit(threads, int(argument), timeout_s=60).result()))
    elif what == "die":
        core = engine.submit(core_limit, None, timeout_s=60).result()
        error = engine.submit(die, int(argument), timeout_s=60).exception()
        print(json.dumps({"core": core, "exit_code": getattr(error, "exit_code", None)}))
    elif what == "nap":
        lost = engine.submit(nap_in_items, float(argument), timeout_s=60).exception()
        print(json.dumps({"lost": lost and repr(lost)}))
    else:
        engine.submit(spin, argument, timeout_s=60).result()
    engine.stop()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    main(*sys.argv[1:])
