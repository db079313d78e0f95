"""The public names: what they are, that they load late, and that type checkers and readers of docstrings see them."""

from __future__ import annotations

import ast
import dataclasses
import doctest
import inspect
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import melcli
from tests.elapsed import run

ROOT = Path(melcli.__file__).resolve().parent
SOURCE = ast.parse((ROOT / "__init__.py").read_text(encoding="utf-8"))
NAMES = [name for name in melcli.__all__ if name != "__version__"]
# Not asked for: examples, cross-references and long summaries everywhere; and a Returns section may name its value.
NOT_ASKED = {"EX01", "SA01", "ES01", "RT02"}


def test_every_public_name_has_a_home_and_is_there() -> None:
    assert list(melcli._HOMES) == NAMES
    for name, home in melcli._HOMES.items():
        assert getattr(melcli, name) is getattr(sys.modules[home], name)
        assert name in sys.modules[home].__all__  # type: ignore[attr-defined, unused-ignore]
    assert set(melcli.__all__) <= set(dir(melcli))
    with pytest.raises(AttributeError, match=r"^module 'melcli' has no attribute 'feature'$"):
        _ = melcli.feature  # type: ignore[attr-defined, unused-ignore]


def test_type_checkers_are_told_the_same_homes() -> None:
    (block,) = [node for node in SOURCE.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"]
    told = {
        alias.name: node.module
        for node in block.body
        if isinstance(node, ast.ImportFrom) and node.module != "typing"
        for alias in node.names
    }
    assert told == melcli._HOMES
    assert (ROOT / "py.typed").read_bytes() == b""


def test_every_error_is_public() -> None:
    from melcli import errors

    public = {name for name in errors.__all__ if inspect.isclass(getattr(errors, name))} - {
        "TimeUp",
        "DecoderKilled",
    }  # a run's own
    assert public <= set(NAMES)


def test_an_import_loads_nothing_else() -> None:
    """In 1 ms; `python -X importtime -c "import melcli"` tells."""
    program = "import sys; before = set(sys.modules); import melcli; print(*sorted(set(sys.modules) - before))"
    loaded = run([sys.executable, "-c", program], check=True, text=True).stdout.split()
    assert loaded == ["melcli", "melcli.version"]


# docstrings


def documented() -> Iterator[tuple[str, Any]]:
    """Yield the public names with their objects, and the public methods of the classes."""
    for name in NAMES:
        thing = getattr(melcli, name)
        yield f"{thing.__module__}.{thing.__qualname__}", thing
        if not inspect.isclass(thing):
            continue
        for member, value in inspect.getmembers(thing):
            is_code = inspect.isroutine(value) or isinstance(value, property)
            if not member.startswith("_") and is_code and _is_ours(thing, member):
                yield f"{thing.__module__}.{thing.__qualname__}.{member}", value


def _is_ours(thing: type[Any], member: str) -> bool:
    owner = next(cls for cls in thing.__mro__ if member in vars(cls))
    return owner.__module__.startswith("melcli.")


def lacking(name: str, thing: Any) -> list[str]:
    """Return what numpydoc finds wrong with a docstring."""
    from numpydoc.validate import validate

    found = [(code, message) for code, message in validate(name)["errors"] if code not in NOT_ASKED]
    if inspect.isclass(thing) and dataclasses.is_dataclass(thing):  # its parameters are its attributes
        text = inspect.getdoc(thing) or ""
        undescribed = [each.name for each in dataclasses.fields(thing) if not each.name.startswith("_")]
        undescribed = [each for each in undescribed if f"\n{each} : " not in text and f", {each} : " not in text]
        found = [(code, message) for code, message in found if code != "PR01"]
        found += [("PR01", f"{each} is not described") for each in undescribed]
    if inspect.isclass(thing) and "__init__" not in vars(thing) and issubclass(thing, Exception):
        found = [(code, message) for code, message in found if code != "PR01"]  # those of its base
    return [f"{code}: {message}" for code, message in found]


@pytest.mark.parametrize("name, thing", list(documented()), ids=lambda value: value if isinstance(value, str) else "")
def test_every_public_name_is_documented_as_numpydoc_wants(name: str, thing: Any) -> None:
    pytest.importorskip("numpydoc", reason="numpydoc is not installed: pip install -e '.[docs]'")
    assert lacking(name, thing) == []


def undescribed(argument: int) -> int:
    """Describe nothing of it."""
    return argument


def test_a_docstring_without_its_parameters_is_seen() -> None:
    pytest.importorskip("numpydoc", reason="numpydoc is not installed: pip install -e '.[docs]'")
    assert [problem[:4] for problem in lacking(f"{__name__}.undescribed", undescribed)] == ["PR01", "RT01"]


@pytest.mark.parametrize("home", sorted({home for home in melcli._HOMES.values() if home != "melcli.errors"}))
def test_the_examples_in_docstrings_are_true(home: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT.parent)
    failed, tried = doctest.testmod(sys.modules[home], raise_on_error=False)
    assert failed == 0
    assert tried or not home.startswith("melcli.api") or home == "melcli.api.report"


# types

USER = """
from pathlib import Path

import numpy as np

import melcli
from melcli import ExtractReport, FeatureStream, Features, MelSpectrogram

mel = MelSpectrogram(2048, 512, None, "hann", num_mel_bins=80, mean=np.zeros(80), padding=(3, 4), log="ln")
same: bool = mel == MelSpectrogram.from_named("whisper", num_mel_bins=128)
levels: np.ndarray = mel(np.zeros(16_000))
stream: FeatureStream = mel.stream()
stream.push([0.0, 0.1], last=True)
array: np.ndarray = stream.features()
config: melcli.Config = melcli.load_config(Path("mine.yaml"), num_mel_bins=3)
bins: int = config.features.num_mel_bins
array = melcli.features("a.wav", config=config)
array = melcli.features(np.zeros(3), 16_000, "whisper")
report: ExtractReport = melcli.extract(["a", Path("b")], "out", config="whisper", jobs=2)
reasons: list[str] = [failure.reason for failure in report.failures]
features: Features = melcli.open_features("out")
array = features["a"]
version: str = melcli.__version__
try:
    pass
except melcli.AudioError as error:
    reason: str = error.reason
"""
MISTAKES = [
    "MelSpectrogram(n_mels=80)",
    "MelSpectrogram(num_mel_bins='80')",
    "MelSpectrogram(mel_scale='mel')",
    "MelSpectrogram(2048, 512, None, 'hann', 16000, 80, 0.0, None, True, None, 2.0, 1e-10, 1.0, 32768.0)",
    "mel.stream().push([], final=True)",
    "melcli.features(3.0, config=3)",
    "melcli.extract('a')",
    "melcli.extract('a', 'b', job=2)",
    "report.okay",
    "melcli.feature",
    "config.features.n_mels",
]


@pytest.mark.full
def test_a_type_checker_sees_every_key_and_name(tmp_path: Path) -> None:
    pytest.importorskip("mypy", reason="mypy is not installed: pip install -e '.[dev]'")
    user = tmp_path / "user.py"
    lines = [*USER.splitlines(), *MISTAKES]
    user.write_text("\n".join(lines) + "\n")
    first = len(USER.splitlines()) + 1
    said = mypy(user)
    wrong = [int(line.split(":")[1]) for line in said.splitlines() if ": error: " in line]
    assert wrong == [*range(first, first + len(MISTAKES))], said


@pytest.mark.full
def test_a_type_checker_sees_all_keys_of_the_spectrogram(tmp_path: Path) -> None:
    pytest.importorskip("mypy", reason="mypy is not installed: pip install -e '.[dev]'")
    keys = melcli.MelSpectrogram().get_config()
    call = ", ".join(f"{key}={value!r}" for key, value in keys.items())
    user = tmp_path / "user.py"
    user.write_text(f"import melcli\n\nmelcli.MelSpectrogram({call})\nreveal_type(melcli.MelSpectrogram.__init__)\n")
    said = mypy(user)
    assert "Success" in said or said.count("error") == 0, said
    assert all(f"{key}" in said for key in keys), said


def mypy(user: Path) -> str:
    """Return what mypy --strict says of a user's file, in a folder of its own."""
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--strict",
        "--no-error-summary",
        "--cache-dir",
        str(user.parent / "cache"),
    ]
    done: subprocess.CompletedProcess[str] = run([*command, user.name], text=True, cwd=user.parent)
    assert done.returncode in (0, 1), done.stderr
    return str(done.stdout)
