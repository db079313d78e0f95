"""The FFT of real frames: that of SciPy, in workers without the package ``scipy.fft`` around its compiled module.

``import scipy.fft`` takes 0.23 s of CPU time, more than half of the start of a worker: it also imports `scipy.special`
and, for other array libraries, all of NumPy with its tests and its Fortran compiler.  The module that transforms is one
file and loads in 1 ms.  It is private to SciPy.  So only workers load it, and use it only if it is where SciPy 1.13 to
1.18 have it and transforms as it should.  Otherwise `scipy.fft.rfft` does, with the same bits: it calls the same code.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from importlib.machinery import PathFinder
from importlib.util import module_from_spec
from typing import Any

import numpy as np

__all__ = ["real_fft", "scipy_version", "use_compiled_fft"]

# The names that releases of SciPy give it: since 1.18, and before.
COMPILED = ("scipy.fft._duccfft.pyduccfft", "scipy.fft._pocketfft.pypocketfft")
CHECKED_LENGTH = 12
TOLERANCE = 1e-5  # of a transform of that length in float32

Transform = Callable[[np.ndarray], np.ndarray]

_compiled: list[Transform] = []  # the transform in use, if it is the compiled one


def real_fft() -> Transform:
    """Return the transform: frames [shape=(frames, length)] to complex [shape=(frames, length // 2 + 1)]."""
    if _compiled:
        return _compiled[0]
    import scipy.fft

    return scipy.fft.rfft  # type: ignore[no-any-return]


def use_compiled_fft() -> bool:
    """Let `real_fft` return SciPy's compiled transform in this process; return whether it is as expected."""
    for name in COMPILED:
        try:
            transform = _transform(_load(name))
            if _is_right(transform):
                _compiled[:] = [transform]
                return True
        except (ImportError, AttributeError, TypeError, ValueError, IndexError):
            continue
    return False


def scipy_version() -> str:
    """Return the version of the library whose FFT this is."""
    import scipy

    return str(scipy.__version__)


def _load(name: str) -> Any:
    """Load a compiled module of SciPy without the packages that it is in.

    It gets its own name, so that a later import of these packages finds it.  With SciPy 1.13 a process that loads the
    file under two names is aborted at its end.

    Raises
    ------
    ImportError
        There is none, or the system does not load it.
    """
    import scipy

    if name in sys.modules:
        return sys.modules[name]
    folder = os.path.join(scipy.__path__[0], *name.split(".")[1:-1])
    spec = PathFinder.find_spec(name, [folder])
    if spec is None or spec.loader is None:
        raise ImportError(f"no {name}")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    sys.modules[name] = module
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
