"""What a run was made on: machine, versions, date; and which peers are absent."""

from __future__ import annotations

import datetime
import os
import platform
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks.settings import OWN_PACKAGES, PEER_PACKAGES
from melcli.version import __version__

__all__ = ["absent", "describe_run", "is_installed", "num_cores"]


def describe_run() -> dict[str, Any]:
    """Return date, machine, versions and absent peers."""
    return {
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "machine": {
            "cpu": _field("/proc/cpuinfo", "model name") or platform.processor() or platform.machine(),
            "cores": num_cores(),
            "ram_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
            "kernel": f"{platform.system()} {platform.release()}",
            "python": platform.python_version(),
        },
        "versions": {"melcli": __version__, **_versions({**OWN_PACKAGES, **PEER_PACKAGES})},
        "absent": absent(),
    }


def num_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def is_installed(package: str) -> bool:
    """Tell whether a package can be found; it is not imported."""
    return find_spec(package) is not None


def absent() -> list[str]:
    """Name the peers that are not installed."""
    return [PEER_PACKAGES[name] for name in PEER_PACKAGES if not is_installed(name)]


def _versions(packages: dict[str, str]) -> dict[str, str]:
    found = {}
    for name, distribution in packages.items():
        if is_installed(name):
            try:
                found[distribution] = metadata.version(distribution)
            except metadata.PackageNotFoundError:  # another distribution gave the same package
                found[distribution] = "unknown"
    return found


def _field(path: str, name: str) -> str | None:
    if not Path(path).exists():
        return None
    lines = (line.split(":", 1) for line in Path(path).read_text(encoding="utf-8").splitlines() if ":" in line)
    return next((value.strip() for key, value in lines if key.strip() == name), None)
