"""What CI makes of pip-audit's answer: a vulnerability ends it, and silence is not taken for health."""

from __future__ import annotations

import sys

import pytest

from tests.test_docs import CI, load

audit = load(".ci/audit.py")

HEALTHY = {"name": "click", "version": "8.1", "vulns": []}
UNKNOWN = {"name": "soxr", "skip_reason": "Dependency not found on PyPI and could not be audited: soxr (1.1.0)"}
ILL = {
    "name": "h5py",
    "version": "3.1",
    "vulns": [{"id": "PYSEC-1", "aliases": ["CVE-2026-1"], "fix_versions": ["3.2"]}],
}


def verdict(*packages, accepted=()):
    lines, good = audit.verdict({"dependencies": list(packages)}, set(accepted))
    return "\n".join(lines), good


def test_a_vulnerability_ends_ci():
    assert verdict(HEALTHY, ILL) == (
        "VULNERABLE: h5py 3.1: CVE-2026-1 PYSEC-1, mended in 3.2\n2 of 2 packages audited",
        False,
    )


@pytest.mark.parametrize("name", ["PYSEC-1", "CVE-2026-1"])
def test_an_accepted_one_does_not(name):
    said, good = verdict(ILL, accepted=[name])
    assert said.startswith("accepted: h5py 3.1")
    assert good


def test_nothing_found_is_said_with_the_number_of_packages_that_were_asked_about():
    assert verdict(HEALTHY, HEALTHY) == ("2 of 2 packages audited", True)


def test_packages_that_the_service_does_not_know_are_named_and_not_counted():
    assert verdict(HEALTHY, UNKNOWN) == (
        "NOT AUDITED: 1 of 2, unknown to the service: soxr\n1 of 2 packages audited",
        True,
    )
    assert verdict(UNKNOWN) == ("NOT AUDITED: 1 of 1, unknown to the service: soxr", True)


def program(tmp_path, body):
    path = tmp_path / "pip-audit"
    path.write_text(f"#!{sys.executable}\nimport sys\n{body}\n")
    path.chmod(0o755)
    return str(path)


def test_a_service_that_cannot_be_reached_is_said_aloud(tmp_path):
    found = audit.ask(program(tmp_path, "sys.exit('requests.ConnectionError: no route')"), "click==8.1\n")
    lines, good = audit.verdict(found, set())
    assert lines == [
        "NOT AUDITED: the vulnerability service could not be asked: "
        "pip-audit ended with 1 and said requests.ConnectionError: no route"
    ]
    assert good


def test_an_answer_is_read_whatever_the_exit_code(tmp_path):
    """pip-audit ends with 1 where it found something."""
    assert audit.ask(program(tmp_path, "print('{\"dependencies\": []}'); sys.exit(1)"), "") == {"dependencies": []}


def test_accepted_vulnerabilities_have_a_date_and_a_reason():
    assert audit.accepted("# comment\n\nCVE-1 2026-01-31 never called\n") == {"CVE-1"}
    with pytest.raises(SystemExit, match="must be ID DATE REASON"):
        audit.accepted("CVE-1 2026-01-31\n")
    with pytest.raises(ValueError, match="never"):
        audit.accepted("CVE-1 never called\n")
    audit.accepted(audit.ACCEPTED.read_text(encoding="utf-8"))


def test_ci_audits_the_environment_that_has_the_wheel_alone():
    assert '"$root/.ci/audit.py" "$scratch/fresh/bin/python"' in CI
