"""The FFT of real frames: SciPy's compiled module, loaded without the package ``scipy.fft`` around it.

``import scipy.fft`` takes 0.23 s of CPU time, more than half of the start of a worker: it also imports `scipy.special`
and, for other array libraries, all of NumPy with its tests and its Fortran compiler.  The module that transforms is one
file and loads in 15 ms.  The file is private to SciPy.  So it is used only if it is where SciPy 1.13 to 1.18 have it
and transforms as it should; otherwise `scipy.fft.rfft` does.  Both give the same bits, since they are the same code.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from importlib.machinery import PathFinder
from importlib.util import module_from_spec
from typing import Any

import numpy as np

__all__ = ["real_fft", "scipy_version"]

# Where releases of SciPy have it, below scipy/fft: since 1.18, and before.
PLACES = (("_duccfft", "pyduccfft"), ("_pocketfft", "pypocketfft"))
CHECKED_LENGTH = 12
TOLERANCE = 1e-5  # of a transform of that length in float32

Transform = Callable[[np.ndarray], np.ndarray]


@cache
def real_fft() -> Transform:
    """Return the transform: frames [shape=(frames, length)] to complex [shape=(frames, length // 2 + 1)]."""
    import scipy

    for folder, name in PLACES:
        try:
            compiled = _load(name, os.path.join(scipy.__path__[0], "fft", folder))
            transform = _transform(compiled)
            if _is_right(transform):
                return transform
        except (ImportError, AttributeError, TypeError, ValueError, IndexError):
            continue
    import scipy.fft

    return scipy.fft.rfft  # type: ignore[no-any-return]


def scipy_version() -> str:
    """Return the version of the library whose FFT this is."""
    import scipy

    return str(scipy.__version__)


def _load(name: str, folder: str) -> Any:
    """Load a compiled module from a folder, without the packages that it is part of.

    Raises
    ------
    ImportError
        There is none, or the system does not load it.
    """
    spec = PathFinder.find_spec(name, [folder])
    if spec is None or spec.loader is None:
        raise ImportError(f"no {name} in {folder}")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _transform(compiled: Any) -> Transform:
    r2c = compiled.r2c

    def transform(frames: np.ndarray) -> np.ndarray:
        # The call of scipy.fft.rfft: last axis, forward, no factor, a new array, one thread.
        found: np.ndarray = r2c(frames, (frames.ndim - 1,), True, 0, None, 1)
        return found

    return transform


def _is_right(transform: Transform) -> bool:
    """Check type, shape and values against the definition, for both types of the core."""
    places = np.arange(CHECKED_LENGTH)
    waves = np.exp(-2j * np.pi / CHECKED_LENGTH * np.outer(places, places[: CHECKED_LENGTH // 2 + 1]))
    signals = np.sin(np.arange(2 * CHECKED_LENGTH) ** 2.0).reshape(2, CHECKED_LENGTH)
    for kind, complex_kind in ((np.float32, np.complex64), (np.float64, np.complex128)):
        frames = signals.astype(kind)
        found = transform(frames)
        if found.dtype != complex_kind or found.shape != (2, CHECKED_LENGTH // 2 + 1):
            return False
        if not np.allclose(found, signals @ waves, rtol=0, atol=TOLERANCE) or not np.array_equal(
            frames, signals.astype(kind)
        ):
            return False
    return True
