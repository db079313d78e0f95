"""The BLAS kernel and SIMD level in use, which determine the last bits of the numbers.

OpenBLAS chooses a kernel by the processor or by OPENBLAS_CORETYPE, which may be set in a shell but not in cron.  NumPy
chooses its loops by the processor or by NPY_DISABLE_CPU_FEATURES.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import numpy as np

__all__ = ["kernels"]

UNKNOWN = "unknown"
# The extension module that is linked to NumPy's BLAS.  A symbol looked up in it belongs to NumPy's own library, never
# to the one that SciPy includes.
BLAS_EXTENSION = "numpy._core._multiarray_umath"
CORE_NAMES = tuple(
    f"{prefix}openblas_get_corename{suffix}" for prefix in ("scipy_", "") for suffix in ("64_", "", "_64")
)


def kernels() -> dict[str, str]:
    """Return the kernels that NumPy uses in this process; they do not change during its life.

    Returns
    -------
    dict of str to str
        ``blas``, such as ``Haswell (scipy-openblas 0.3.31)``, and ``simd``, such as ``X86_V2 X86_V3``: the levels that
        NumPy was compiled for and detected.  ``unknown`` if NumPy or its library does not report them.
    """
    config: Mapping[str, Any] = {}
    with suppress(TypeError, AttributeError):  # a NumPy with another build system
        config = np.show_config("dicts") or {}
    simd = config.get("SIMD Extensions", {})
    return {"blas": _blas(config), "simd": " ".join([*simd.get("baseline", []), *simd.get("found", [])]) or UNKNOWN}


def _blas(config: Mapping[str, Any]) -> str:
    library = config.get("Build Dependencies", {}).get("blas", {})
    built_with = f"{library.get('name', UNKNOWN)} {library.get('version', '')}".strip()
    core = _openblas_core()
    return f"{core} ({built_with})" if core else built_with


def _openblas_core() -> str:
    """Return the kernel of OpenBLAS; ``""`` with another BLAS."""
    path = getattr(sys.modules.get(BLAS_EXTENSION), "__file__", None)
    if path is None:
        return ""
    with suppress(OSError):
        library = ctypes.CDLL(path)  # already loaded, as are the libraries that it is linked to
        for name in CORE_NAMES:
            ask = getattr(library, name, None)
            if ask is not None:
                ask.restype = ctypes.c_char_p
                return (ask() or b"").decode("ascii", "replace")
    return ""
