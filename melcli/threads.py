"""Limit the libraries below NumPy to one thread."""

from __future__ import annotations

__all__ = ["ONE_THREAD"]

# Environment variables that OpenBLAS, MKL and similar libraries read once, when NumPy is imported.
ONE_THREAD = dict.fromkeys(
    (
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "BLIS_NUM_THREADS",
        "VECLIB_MAXIMUM_THREADS",
        "NUMEXPR_NUM_THREADS",
    ),
    "1",
)
