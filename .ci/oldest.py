"""Print the oldest declared versions of dependencies as pip constraints: ``oldest.py [EXTRA ...]``.

The versions are read from pyproject.toml: the lower bound of each dependency, and of each one of the named extras.
A dependency without a lower bound is an error, because nobody could test the oldest version that it allows.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

PYPROJECT = Path(__file__).resolve().parent.parent / "pyproject.toml"


def main() -> None:
    """Print one constraint a line."""
    project = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]
    print("\n".join(constraints(project, sys.argv[1:])))


def constraints(project: dict[str, Any], extras: Iterable[str] = ()) -> list[str]:
    """Return ``NAME==OLDEST`` for each dependency of a project and of some of its extras.

    Raises
    ------
    SystemExit
        A dependency has no lower bound, or there is no such extra.
    """
    requirements = list(project["dependencies"])
    for extra in extras:
        if extra not in project["optional-dependencies"]:
            raise SystemExit(f"{PYPROJECT.name} has no extra {extra!r}")
        requirements += project["optional-dependencies"][extra]
    return [oldest(requirement) for requirement in requirements]


def oldest(requirement: str) -> str:
    """Turn ``NAME>=VERSION,...`` into ``NAME==VERSION``.

    Raises
    ------
    SystemExit
        It has no lower bound, or it is more than a name and versions.
    """
    name, versions = re.fullmatch(r"\s*([\w.-]*)(.*)", requirement, re.DOTALL).groups()
    bounds = re.findall(r">=\s*([\w.]+)", versions)
    if not name or len(bounds) != 1 or re.search(r"[\[;@]", versions):
        raise SystemExit(f"{PYPROJECT.name}: {requirement!r} must be a name with one lower bound (>=)")
    return f"{name}=={bounds[0]}"


if __name__ == "__main__":
    main()
