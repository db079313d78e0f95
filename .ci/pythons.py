"""Print the oldest and the newest Python on this machine that melcli supports, one path a line.

Looked for are ``python3.N`` and ``python3`` on PATH, and the versions of pyenv.  Only releases count that can make a
virtual environment.  One line is printed where there is only one minor version.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

PYPROJECT = Path(__file__).resolve().parent.parent / "pyproject.toml"
NEWEST_MINOR = 20  # of the names that are tried on PATH
ANSWER_TIMEOUT_S = 60
QUESTION = (
    "import ensurepip, sys, venv; "
    "print(*sys.version_info[:3], sys.version_info.releaselevel, getattr(sys, '_base_executable', sys.executable))"
)

Version = tuple[int, int, int]


def main() -> None:
    """Print the paths, and on standard error what they are."""
    found = oldest_and_newest(pythons(candidates()), lowest_supported(PYPROJECT.read_text(encoding="utf-8")))
    if not found:
        raise SystemExit("no Python found that melcli supports")
    for version, path in found:
        print(path)
        print(f"Python {'.'.join(map(str, version))}: {path}", file=sys.stderr)


def lowest_supported(pyproject: str) -> tuple[int, int]:
    """Return the lowest version that ``requires-python`` allows."""
    found = re.search(r'^requires-python = ">=(\d+)\.(\d+)"$', pyproject, re.MULTILINE)
    if found is None:
        raise SystemExit(f'{PYPROJECT.name} must have a line like: requires-python = ">=3.11"')
    return int(found[1]), int(found[2])


def candidates() -> Iterator[str]:
    """Yield every command that may be a Python."""
    names = ["python3", *(f"python3.{minor}" for minor in range(NEWEST_MINOR + 1))]
    yield from filter(None, map(shutil.which, names))
    root = os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv"
    yield from map(str, sorted(Path(root, "versions").glob("*/bin/python")))


def pythons(commands: Iterable[str]) -> Iterator[tuple[Version, str]]:
    """Yield version and path of each command that is a released Python with `venv`."""
    for command in commands:
        try:
            done = subprocess.run(  # noqa: S603  a list of our own
                [command, "-c", QUESTION], capture_output=True, text=True, timeout=ANSWER_TIMEOUT_S, check=False
            )
        except (OSError, subprocess.TimeoutExpired):
            continue
        words = done.stdout.split(maxsplit=4)
        if done.returncode == 0 and len(words) == 5 and words[3] == "final":  # a shim of pyenv can fail
            yield (int(words[0]), int(words[1]), int(words[2])), words[4].strip()


def oldest_and_newest(found: Iterable[tuple[Version, str]], lowest: tuple[int, int]) -> list[tuple[Version, str]]:
    """Return the oldest and the newest Python that is supported; one where they have the same minor version."""
    supported = sorted(each for each in found if each[0][:2] >= lowest)
    if not supported or supported[0][0][:2] == supported[-1][0][:2]:
        return supported[:1]
    return [supported[0], supported[-1]]


if __name__ == "__main__":
    main()
