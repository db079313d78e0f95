"""What failed rows record of limits and versions, and when that differs from the present run."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from melcli.errors import REASONS
from melcli.run import retry_conditions
from melcli.run.limits import Limits
from melcli.run.report import Report
from melcli.run.retry_conditions import BY_DURATION, LIMITS_BY_REASON, Conditions, installed_versions
from melcli.store.rows import Row
from melcli.version import __version__
from tests.elapsed import stretch
from tests.run.corpus import plant, rows, tree
from tests.run.faults import FaultyEngine
from tests.run.test_extract import Heard, run
from tests.store.rows import make_row

VERSIONS = {"melcli": "0.5.0", "numpy": "2.4.6", "scipy": "1.17.1", "soundfile": "0.14.0", "soxr": "1.1.0"}
TOLD = "melcli=0.5.0 numpy=2.4.6 scipy=1.17.1 soundfile=0.14.0 soxr=1.1.0"
GIVEN = Limits(timeout_per_item_s=3.0, max_memory_bytes=300_000_000, max_duration_s=90.0, min_duration_s=0.5)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Set the memory and the versions that are found, and return a function that changes them."""

    def set_machine(memory: int = 25_165_824_000, **versions: str) -> None:
        monkeypatch.setattr(retry_conditions, "usable_memory_bytes", lambda: memory)
        monkeypatch.setattr(retry_conditions, "installed_versions", lambda: VERSIONS | versions)

    set_machine()
    return set_machine


def failed(reason: str, conditions: Conditions | None = None) -> Row:
    row = make_row("a", status="failed", reason=reason, message="a.wav: it failed")
    return row if conditions is None else conditions.record([row])[0]


# what is recorded


@pytest.mark.parametrize(
    "reason, limits, expected",
    [
        ("timeout", GIVEN, f"timeout_per_item=3s {TOLD}"),
        ("timeout", Limits(), f"timeout_per_item=default {TOLD}"),
        ("timeout", Limits(timeout_per_item_s=1234567.5), f"timeout_per_item=1234567.5s {TOLD}"),
        ("out_of_memory", GIVEN, f"max_memory_per_worker=300MB memory=25GB {TOLD}"),
        ("out_of_memory", Limits(), f"max_memory_per_worker=none memory=25GB {TOLD}"),
        ("decoder_crash", GIVEN, f"max_memory_per_worker=300MB {TOLD}"),
        ("too_long", GIVEN, "max_duration=90s"),
        ("too_short", GIVEN, "min_duration=0.5s"),
        ("too_short", Limits(), "min_duration=none"),
    ],
)
def test_each_reason_records_its_limits_and_the_versions(
    machine: Callable[..., None], reason: str, limits: Limits, expected: str
) -> None:
    row = failed(reason)
    assert Conditions(limits).text(reason) == expected
    assert Conditions(limits).record([row]) == [replace(row, tried_with=expected)]


@pytest.mark.parametrize(
    "memory, expected",
    [
        (70 * 10**6, "70MB"),
        (128 * 2**20, "130MB"),
        (999 * 10**6, "1GB"),
        (1_649_000_000, "1.6GB"),
        (25_100_000_000, "25GB"),
        (25_400_000_000, "25GB"),  # the same machine under another kernel
        (2 * 10**12, "2000GB"),
    ],
)
def test_memory_is_rounded_so_that_it_does_not_vary(machine: Callable[..., None], memory: int, expected: str) -> None:
    machine(memory)
    assert f" memory={expected} " in (Conditions(Limits()).text("out_of_memory") or "")


def test_other_rows_are_not_touched_and_nothing_is_looked_up_for_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry_conditions, "installed_versions", lambda: pytest.fail("no row asks for them"))
    others = [failed(reason) for reason in REASONS if reason not in LIMITS_BY_REASON]
    assert len(others) == len(REASONS) - 5
    batch = [make_row("b"), *others]
    assert Conditions(GIVEN).record(batch) == batch


def test_versions_are_those_of_the_installed_packages() -> None:
    found = installed_versions()
    assert found == {"melcli": __version__} | {name: importlib.metadata.version(name) for name in [*VERSIONS][1:]}


@pytest.mark.parametrize("found", [importlib.metadata.PackageNotFoundError("numpy"), KeyError("Version"), "", None])
def test_a_package_without_metadata_has_an_unknown_version(monkeypatch: pytest.MonkeyPatch, found: Any) -> None:
    def version(name: str) -> Any:
        if isinstance(found, Exception):
            raise found
        return found

    monkeypatch.setattr(importlib.metadata, "version", version)
    assert installed_versions()["numpy"] == "unknown"


def test_neither_numpy_nor_the_metadata_are_imported_without_need() -> None:
    code = """
import sys
from melcli.run.retry_conditions import Conditions, Limits
slow = {"numpy", "importlib.metadata"}
conditions = Conditions(Limits())
print(sorted(slow & sys.modules.keys()), conditions.text("empty"))
print(sorted(slow & sys.modules.keys()) if conditions.text("timeout") else None)
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.splitlines() == ["[] None", "['importlib.metadata']"]


# when it differs


@pytest.mark.parametrize("reason", LIMITS_BY_REASON)
def test_the_same_limits_and_versions_do_not_differ(machine: Callable[..., None], reason: str) -> None:
    row = failed(reason, Conditions(GIVEN))
    assert not Conditions(GIVEN).differ(row)
    assert not Conditions(replace(GIVEN, max_time_s=60.0)).differ(row)


@pytest.mark.parametrize("reason", LIMITS_BY_REASON)
def test_a_row_that_records_nothing_differs(machine: Callable[..., None], reason: str) -> None:
    assert Conditions(GIVEN).differ(failed(reason))
    assert Conditions(Limits(), unset_matches_any=True).differ(failed(reason))


@pytest.mark.parametrize("reason", LIMITS_BY_REASON)
@pytest.mark.parametrize("package", VERSIONS)
def test_another_version_differs(machine: Callable[..., None], reason: str, package: str) -> None:
    row = failed(reason, Conditions(GIVEN))
    machine(**{package: "99"})
    depends = reason not in BY_DURATION
    assert Conditions(GIVEN).differ(row) == depends
    assert Conditions(Limits(), unset_matches_any=True).differ(row) == depends


@pytest.mark.parametrize(
    "reason, changes, expected",
    [
        ("timeout", {"timeout_per_item_s": 4.0}, True),
        ("timeout", {"timeout_per_item_s": None}, True),
        ("timeout", {"max_memory_bytes": None}, False),
        ("out_of_memory", {"max_memory_bytes": 301_000_000}, True),
        ("out_of_memory", {"max_memory_bytes": None}, True),
        ("out_of_memory", {"timeout_per_item_s": None}, False),
        ("decoder_crash", {"timeout_per_item_s": None}, False),
        ("decoder_crash", {"max_memory_bytes": None}, True),
        ("too_long", {"max_duration_s": 100.0}, True),
        ("too_long", {"max_duration_s": None}, True),
        ("too_long", {"min_duration_s": None, "timeout_per_item_s": None}, False),
        ("too_short", {"min_duration_s": 0.4}, True),
        ("too_short", {"min_duration_s": None}, True),
        ("too_short", {"max_duration_s": None, "max_memory_bytes": None}, False),
        ("empty", {"timeout_per_item_s": None, "max_memory_bytes": None}, False),
    ],
)
def test_only_the_limits_that_the_reason_depends_on_count(
    machine: Callable[..., None], reason: str, changes: dict[str, Any], expected: bool
) -> None:
    row = failed(reason, Conditions(GIVEN))
    assert Conditions(replace(GIVEN, **changes)).differ(row) is expected


@pytest.mark.parametrize("reason, expected", [("out_of_memory", True), ("timeout", False), ("decoder_crash", False)])
def test_another_memory_differs_for_those_that_ran_out_of_it(
    machine: Callable[..., None], reason: str, expected: bool
) -> None:
    row = failed(reason, Conditions(GIVEN))
    machine(50 * 10**9)
    assert Conditions(GIVEN).differ(row) is expected
    assert Conditions(Limits(), unset_matches_any=True).differ(row) is expected


@pytest.mark.parametrize("reason", LIMITS_BY_REASON)
def test_a_limit_that_is_not_set_can_match_any(machine: Callable[..., None], reason: str) -> None:
    row = failed(reason, Conditions(GIVEN))
    assert not Conditions(Limits(), unset_matches_any=True).differ(row)
    assert not Conditions(GIVEN, unset_matches_any=True).differ(row)
    more = Limits(timeout_per_item_s=4.0, max_memory_bytes=400_000_000, max_duration_s=91.0, min_duration_s=0.6)
    assert Conditions(more, unset_matches_any=True).differ(row)


# in whole runs, with workers of their own


@pytest.mark.full
def test_workers_and_driver_record_the_same_whatever_the_number_of_workers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rows of the first three come from the driver, and that of the last from its worker."""
    monkeypatch.setattr("melcli.run.engines.local.LocalEngine", FaultyEngine)
    plant(tmp_path / "in", "a.wav", "b.SIGSEGV.wav", "c.hang.wav", "d.wav", "e.exit3.wav", "f.hoard.wav", "g.wav")
    limits = Limits(timeout_per_item_s=stretch(), max_memory_bytes=300_000_000)

    def again(out: str, workers: int) -> Report:
        return run(tmp_path / out, tmp_path / "in", workers=workers, limits=limits)

    assert again("1", 1).failed == again("3", 3).failed == 4
    assert tree(tmp_path / "1") == tree(tmp_path / "3")
    found = {row["id"]: (row["reason"], row["tried_with"]) for row in rows(tmp_path / "1", "failures.jsonl").values()}
    conditions = Conditions(limits)
    assert found == {
        "b.SIGSEGV": ("decoder_crash", conditions.text("decoder_crash")),
        "c.hang": ("timeout", conditions.text("timeout")),
        "e.exit3": ("decoder_crash", conditions.text("decoder_crash")),
        "f.hoard": ("out_of_memory", conditions.text("out_of_memory")),
    }
    assert "tried_with" not in rows(tmp_path / "1")["a"]
    assert again("1", 1).to_do == 0
    heard = Heard()
    run(tmp_path / "1", tmp_path / "in", heard=heard, limits=replace(limits, max_memory_bytes=310_000_000))
    assert sorted(row.id for row in heard.failures) == ["b.SIGSEGV", "e.exit3", "f.hoard"]
