"""SciPy's compiled FFT: the bits of ``scipy.fft.rfft``, and that function itself where it is not as expected."""

from __future__ import annotations

import importlib.machinery
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import scipy.fft

from melcli.mel import fft
from melcli.mel.fft import real_fft, use_compiled_fft
from tests.elapsed import run
from tests.tiers import full_but

LENGTHS = (1, 2, 3, 16, 25, 127, 400, 401, 512, 1000, 1024, 1536, 2048, 4096, 10_007)


@pytest.fixture(autouse=True)
def _none_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fft, "_compiled", [])


def frames(length: int, kind: str, num_frames: int = 9) -> np.ndarray:
    return np.random.default_rng(length).standard_normal((num_frames, length)).astype(kind)


@pytest.mark.parametrize("kind", ["float32", "float64"])
@pytest.mark.parametrize("length", full_but(LENGTHS, 1, 25, 400, 401, 1024, 2048))
def test_it_has_the_bits_of_scipy(length: int, kind: str) -> None:
    given = frames(length, kind)
    expected = scipy.fft.rfft(given, axis=-1)
    assert use_compiled_fft()
    found = real_fft()(given)
    assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
    assert found.tobytes() == expected.tobytes()
    assert given.tobytes() == frames(length, kind).tobytes()


@pytest.mark.parametrize("view", [np.s_[:0], np.s_[::2], np.s_[:, 1:-1], np.s_[:, ::2], np.s_[::-1, ::-1]])
def test_it_has_them_for_any_view(view: Any) -> None:
    given = frames(512, "float32")[view]
    assert use_compiled_fft()
    assert real_fft()(given).tobytes() == scipy.fft.rfft(given, axis=-1).tobytes()


def test_this_release_of_scipy_has_it_where_it_is_looked_for() -> None:
    """If this fails for a new release, add its place: until then workers start in twice the time, and that is all."""
    assert use_compiled_fft()
    assert real_fft() is not scipy.fft.rfft


def test_only_who_asks_for_it_gets_it() -> None:
    assert real_fft() is scipy.fft.rfft


def no_module(folder: Path) -> None:
    pass


def no_function(folder: Path) -> None:
    (folder / "pypocketfft.py").write_text("c2c = None", encoding="utf-8")


def no_library(folder: Path) -> None:
    (folder / f"pypocketfft{importlib.machinery.EXTENSION_SUFFIXES[0]}").write_bytes(b"not a library")


@pytest.mark.parametrize("harm", [no_module, no_function, no_library])
def test_scipy_itself_transforms_where_the_module_is_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, harm: Callable[[Path], None]
) -> None:
    folder = tmp_path / "fft" / "_pocketfft"
    folder.mkdir(parents=True)
    harm(folder)
    monkeypatch.setattr("scipy.__path__", [str(tmp_path), *scipy.__path__])
    for name in fft.COMPILED:
        monkeypatch.delitem(sys.modules, name, raising=False)
    assert not use_compiled_fft()
    assert real_fft() is scipy.fft.rfft
    assert fft.COMPILED[1] not in sys.modules or harm is no_function


def half(transformed: np.ndarray) -> np.ndarray:
    return transformed / 2


def narrow(transformed: np.ndarray) -> np.ndarray:
    return transformed.astype(np.complex64)


def short(transformed: np.ndarray) -> np.ndarray:
    return transformed[:, :-1]


def conjugate(transformed: np.ndarray) -> np.ndarray:
    return transformed.conj()


@pytest.mark.parametrize("change", [half, narrow, short, conjugate])
def test_scipy_itself_transforms_where_the_module_gives_something_else(
    monkeypatch: pytest.MonkeyPatch, change: Callable[[np.ndarray], np.ndarray]
) -> None:
    def r2c(a: np.ndarray, axes: Any, forward: bool, inorm: int, out: None, nthreads: int) -> np.ndarray:
        return change(np.fft.rfft(a))

    monkeypatch.setattr(fft, "_load", lambda name: SimpleNamespace(r2c=r2c))
    assert not use_compiled_fft()
    assert real_fft() is scipy.fft.rfft


def test_scipy_itself_transforms_where_the_call_is_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fft, "_load", lambda name: SimpleNamespace(r2c=lambda a, *, axis: np.fft.rfft(a)))
    assert not use_compiled_fft()
    assert real_fft() is scipy.fft.rfft


def test_scipy_itself_transforms_where_the_module_writes_into_its_input(monkeypatch: pytest.MonkeyPatch) -> None:
    def r2c(a: np.ndarray, *others: Any) -> np.ndarray:
        transformed = np.fft.rfft(a)
        a[:] = 0
        return transformed

    monkeypatch.setattr(fft, "_load", lambda name: SimpleNamespace(r2c=r2c))
    assert not use_compiled_fft()
    assert real_fft() is scipy.fft.rfft


@pytest.mark.parametrize("first", ["melcli", "scipy"])
def test_the_file_is_loaded_once_in_a_process(first: str) -> None:
    """Under two names it aborts the process at its end, with SciPy 1.13: free(): invalid pointer."""
    loads = ["from melcli.mel.fft import use_compiled_fft; assert use_compiled_fft()", "import scipy.fft"]
    if first == "scipy":
        loads.reverse()
    check = """
import numpy as np, sys
from melcli.mel.fft import COMPILED, real_fft
frames = np.arange(24.0).reshape(2, 12)
assert real_fft()(frames).tobytes() == scipy.fft.rfft(frames).tobytes()
assert scipy.fft.dct(frames).shape == frames.shape
assert sum(name in sys.modules for name in COMPILED) == 1
assert sum(name.endswith(("pypocketfft", "pyduccfft")) for name in sys.modules) == 1
"""
    ended = run([sys.executable, "-c", "\n".join([*loads, check])], text=True)
    assert (ended.returncode, ended.stderr) == (0, "")
