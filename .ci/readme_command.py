"""Prints a command of README.md: the shell block behind ``<!-- command: NAME -->``.  So CI runs what users read."""

import re
import sys
from pathlib import Path

README = Path(__file__).resolve().parent.parent / "README.md"


def readme_command(name: str) -> str:
    """Return the one shell block that README.md marks with ``name``."""
    blocks = re.findall(rf"<!-- command: {name} -->\n```sh\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    if len(blocks) != 1:
        raise SystemExit(f"README.md marks {len(blocks)} commands as {name!r}, not one")
    return blocks[0]


if __name__ == "__main__":
    print(readme_command(sys.argv[1]), end="")
