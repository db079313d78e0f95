"""The kernel that made an OUT is in its melcli.yaml; a run with another one says so, and so does verify."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from melcli.config.stored import read_stored_config
from melcli.mel.kernels import kernels
from melcli.run.versions import MAX_SHOWN_CHARS, other_kernels, other_versions
from melcli.store.spool import Spool
from melcli.store.stored_array import StoredFeatures
from tests.cli.shell import Ended
from tests.run.corpus import LIGHT, plant

Command = Callable[..., Ended]
OTHER = {"blas": "Z80 (openblas 0.3)", "simd": "none"}
WARNING = "warning: outputs in OUT were made with blas "


@pytest.fixture
def extract(melcli: Command, tmp_path: Path) -> Callable[..., Ended]:
    plant(tmp_path / "in", "a.wav")
    return lambda *options: melcli("extract", tmp_path / "in", *LIGHT, *options, "-o", tmp_path / "out")


@pytest.fixture
def moved(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Return a function after whose call the workers compute with another kernel."""
    return lambda: monkeypatch.setattr("melcli.run.process_batch.kernels", lambda: OTHER)


def test_a_config_that_is_stored_says_the_kernel(extract: Command, tmp_path: Path) -> None:
    extract()
    assert kernels().items() <= read_stored_config(str(tmp_path / "out")).versions.items()


def test_new_work_with_another_kernel_is_warned_of_once(
    extract: Command, moved: Callable[[], None], tmp_path: Path
) -> None:
    assert WARNING not in extract().err
    moved()
    assert WARNING not in extract().err, "nothing was computed"
    plant(tmp_path / "in", "b.wav")
    ended = extract()
    assert (ended.code, ended.err.count(WARNING)) == (0, 1)
    blas, simd = (kernels()[name][:MAX_SHOWN_CHARS] for name in ("blas", "simd"))
    assert f"blas {blas} and now {OTHER['blas']}; simd {simd} and now none: " in ended.err
    plant(tmp_path / "in", "c.wav")
    assert WARNING not in extract().err, "melcli.yaml says it now"


@pytest.mark.parametrize("told", ["nothing kept", "an earlier version", "no config"])
def test_there_is_no_warning_where_nothing_is_mixed_or_known(
    extract: Command, moved: Callable[[], None], tmp_path: Path, told: str
) -> None:
    extract()
    moved()
    config = tmp_path / "out" / "melcli.yaml"
    if told == "an earlier version":
        lines = config.read_text().splitlines(keepends=True)
        config.write_text("".join(line for line in lines if not line.startswith(("  blas:", "  simd:"))))
    elif told == "no config":
        config.unlink()
    plant(tmp_path / "in", "b.wav")
    ended = extract(*(["--overwrite"] if told == "nothing kept" else []))
    assert (ended.code, WARNING in ended.err) == (0, False)


@pytest.mark.parametrize("is_moved, words", [(True, "another BLAS kernel or SIMD level"), (False, "another processor")])
def test_verify_says_what_rounds_otherwise(
    melcli: Command,
    extract: Command,
    moved: Callable[[], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    is_moved: bool,
    words: str,
) -> None:
    from melcli.store.stored_array import as_stored

    def nearly(spool: Spool, dtype: str, *, time_axis: int) -> StoredFeatures:
        for number, chunk in enumerate(spool):
            spool[number] = chunk * np.float32(1 + 1e-6)
        return as_stored(spool, dtype, time_axis=time_axis)

    extract()
    monkeypatch.setattr("melcli.run.compute.as_stored", nearly)
    if is_moved:
        moved()
    ended = melcli("verify", tmp_path / "out", "--recompute", "100%")
    assert f"but for rounding, as {words} may give" in ended.err


def test_versions_and_kernels_are_told_apart() -> None:
    here = {"melcli": "1", "numpy": "2.4.6", "blas": "Haswell", "simd": "AVX2"}
    assert (other_versions(here, here), other_kernels(here, here)) == (False, [])
    assert other_versions(here, {**here, "numpy": "2.0.0"})
    assert not other_versions(here, {**here, "blas": "Zen"})
    assert other_kernels(here, {**here, "blas": "Zen"}) == ["blas Haswell and now Zen"]
    earlier = {name: here[name] for name in ("melcli", "numpy")}
    assert (other_versions(earlier, here), other_kernels(earlier, here)) == (False, [])
