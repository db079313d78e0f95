"""Which kernel computes: what is told is what the library chose, by the processor or by the environment."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from melcli.mel.kernels import UNKNOWN, kernels
from tests.elapsed import run

NUMPY_BLAS = [pool for pool in threadpool_info() if "numpy" in pool["filepath"] and pool["internal_api"] == "openblas"]
needs_openblas = pytest.mark.skipif(not NUMPY_BLAS, reason="NumPy brings no OpenBLAS of its own here")


def told_with(**environ: str) -> dict[str, str]:
    code = "import json; from melcli.mel.kernels import kernels; print(json.dumps(kernels()))"
    ended = run([sys.executable, "-c", code], env={**os.environ, **environ}, stdout=subprocess.PIPE, check=True)
    return json.loads(ended.stdout)


@needs_openblas
def test_the_kernel_is_that_of_numpys_own_library() -> None:
    """SciPy's may be loaded too, and may be another."""
    (blas,) = NUMPY_BLAS
    assert kernels()["blas"].startswith(f"{blas['architecture']} (")


def test_the_simd_level_is_what_numpy_was_compiled_for_and_what_it_found() -> None:
    extensions = np.show_config("dicts")["SIMD Extensions"]
    assert kernels()["simd"].split() == [*extensions["baseline"], *extensions.get("found", [])]


@needs_openblas
@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the names are those of x86-64")
def test_the_environment_changes_both() -> None:
    found = np.show_config("dicts")["SIMD Extensions"].get("found", [])
    told = told_with(OPENBLAS_CORETYPE="Prescott", NPY_DISABLE_CPU_FEATURES=" ".join(found))
    assert told["blas"] != kernels()["blas"]
    assert set(found).isdisjoint(told["simd"].split())


def test_a_numpy_that_does_not_tell_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("melcli.mel.kernels.np.show_config", lambda mode: None)
    monkeypatch.delitem(sys.modules, "numpy._core._multiarray_umath")
    assert kernels() == {"blas": UNKNOWN, "simd": UNKNOWN}
