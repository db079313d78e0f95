"""Hold what is installed beside melcli against the known vulnerabilities: ``audit.py PYTHON PIP_AUDIT``.

``PYTHON`` is that of an environment with the wheel alone, ``PIP_AUDIT`` the program, which has an environment of its
own.  A vulnerability ends in 1, unless accepted_vulnerabilities.txt accepts it.  Where nobody can be asked, that is
said aloud and ends in 0.  pip-audit itself ends in 0 and says "No known vulnerabilities found" where it asks a mirror
of PyPI that knows none of the packages.
"""

from __future__ import annotations

import datetime
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ACCEPTED = Path(__file__).with_name("accepted_vulnerabilities.txt")
PATIENCE_S = 300


def main() -> None:
    """Ask, tell, and end with 1 if there is a vulnerability that nobody accepted."""
    python, pip_audit = sys.argv[1:]
    found = ask(pip_audit, dependencies_of(python))
    lines, good = verdict(found, accepted(ACCEPTED.read_text(encoding="utf-8")))
    print("\n".join(lines))
    sys.exit(0 if good else 1)


def dependencies_of(python: str) -> str:
    """Return the packages of an environment with their versions, without melcli and pip."""
    command = [python, "-m", "pip", "freeze", "--exclude", "melcli"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603  a list of our own
    return done.stdout


def ask(pip_audit: str, requirements: str) -> dict[str, Any] | str:
    """Return what pip-audit found, or in words why it could not ask."""
    with tempfile.TemporaryDirectory() as folder:
        listed = Path(folder, "requirements.txt")
        listed.write_text(requirements, encoding="utf-8")
        command = [
            pip_audit,
            "-r",
            str(listed),
            "--no-deps",
            "--disable-pip",
            "--progress-spinner",
            "off",
            "-f",
            "json",
        ]
        try:
            done = subprocess.run(  # noqa: S603  a list of our own
                command, capture_output=True, text=True, timeout=PATIENCE_S, check=False
            )
        except subprocess.TimeoutExpired:
            return f"no answer in {PATIENCE_S} s"
    try:
        answer: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        said = done.stderr.strip().splitlines() or ["nothing"]
        return f"pip-audit ended with {done.returncode} and said {said[-1]}"
    return answer


def accepted(text: str) -> set[str]:
    """Read the vulnerabilities that are lived with: lines of id, date and reason.

    Raises
    ------
    SystemExit
        A line has no date or no reason.
    """
    ids = set()
    for line in text.splitlines():
        if line and not line.startswith("#"):
            words = line.split(maxsplit=2)
            if len(words) < 3:
                raise SystemExit(f"{ACCEPTED.name}: {line!r} must be ID DATE REASON")
            datetime.date.fromisoformat(words[1])
            ids.add(words[0])
    return ids


def verdict(found: dict[str, Any] | str, accepted: set[str]) -> tuple[list[str], bool]:
    """Say what was found, line by line, and whether CI may go on."""
    if isinstance(found, str):
        return [f"NOT AUDITED: the vulnerability service could not be asked: {found}"], True
    packages = found["dependencies"]
    asked = [package for package in packages if "vulns" in package]
    unknown = [package["name"] for package in packages if "vulns" not in package]
    lines, good = [], True
    if unknown:
        lines.append(f"NOT AUDITED: {len(unknown)} of {len(packages)}, unknown to the service: {', '.join(unknown)}")
    for package in asked:
        for vulnerability in package["vulns"]:
            names = {vulnerability["id"], *vulnerability.get("aliases", ())}
            known = bool(names & accepted)
            good = good and known
            mended = ", ".join(vulnerability.get("fix_versions", ())) or "no version"
            what = f"{package['name']} {package['version']}: {' '.join(sorted(names))}, mended in {mended}"
            lines.append(f"{'accepted' if known else 'VULNERABLE'}: {what}")
    if asked:
        lines.append(f"{len(asked)} of {len(packages)} packages audited")
    return lines, good


if __name__ == "__main__":
    main()
