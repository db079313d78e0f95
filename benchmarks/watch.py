"""The largest resident size of every process of a command, from /proc; on Linux only.

``VmHWM`` is the kernel's own high-water mark, so that looking now and then is enough, as long as the last look comes
shortly before the end.  What processes share, such as libraries, counts for each; ``Pss`` counts it once.
"""

from __future__ import annotations

import threading
import time
from pathlib import Path

__all__ = ["Watch"]

EVERY_S = 0.05


class Watch:
    """Looks at a session's processes until they are gone.

    Attributes
    ----------
    peaks_mb : dict of dict of float
        By role (``parent``, ``worker``, ``other``), the most that any process of it had: ``resident``
        and ``anonymous``, which leaves out mapped files; in MB.
    pss_mb : float
        The most that all had together at one look, what they share counted once.
    """

    def __init__(self) -> None:
        self.peaks_mb: dict[str, dict[str, float]] = {}
        self.pss_mb = 0.0
        self._thread: threading.Thread | None = None

    def start(self, pid: int) -> None:
        """Begin to look at the session of this process."""
        self._thread = threading.Thread(target=self._look, args=[pid], daemon=True)
        self._thread.start()

    def finish(self) -> None:
        """Wait until no process of the session is left."""
        if self._thread is not None:
            self._thread.join()

    def _look(self, session: int) -> None:
        while processes := _of_session(session):
            pss_mb = 0.0
            for pid in processes:
                self._note(_role(pid, session), _sizes_mb(pid))
                pss_mb += _pss_mb(pid)
            self.pss_mb = max(self.pss_mb, pss_mb)
            time.sleep(EVERY_S)

    def _note(self, role: str, sizes_mb: dict[str, float]) -> None:
        peaks = self.peaks_mb.setdefault(role, {})
        for name, size_mb in sizes_mb.items():
            peaks[name] = max(peaks.get(name, 0.0), size_mb)


def _of_session(session: int) -> list[int]:
    """Return the processes of a session that live."""
    found = []
    for path in Path("/proc").iterdir():
        if path.name.isdigit():
            state, of = _stat(path)
            if of == session and state not in "ZX":
                found.append(int(path.name))
    return found


def _stat(path: Path) -> tuple[str, int]:
    """Return state and session; nothing of a process that has gone."""
    try:
        fields = (path / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return "X", 0
    return fields[0], int(fields[3])


def _role(pid: int, session: int) -> str:
    if pid == session:
        return "parent"
    return "worker" if "engines.worker" in _read(pid, "cmdline") else "other"


def _sizes_mb(pid: int) -> dict[str, float]:
    fields = dict(line.split(":", 1) for line in _read(pid, "status").splitlines() if ":" in line)
    names = {"resident": "VmHWM", "anonymous": "RssAnon"}
    return {name: _mb(fields[field]) for name, field in names.items() if field in fields}


def _pss_mb(pid: int) -> float:
    lines = (line for line in _read(pid, "smaps_rollup").splitlines() if line.startswith("Pss:"))
    return next((_mb(line.split(":", 1)[1]) for line in lines), 0.0)


def _mb(text: str) -> float:
    return int(text.split()[0]) * 1024 / 1e6


def _read(pid: int, name: str) -> str:
    try:
        return Path(f"/proc/{pid}/{name}").read_text(encoding="utf-8", errors="replace")
    except OSError:  # it has ended, or is not ours
        return ""
