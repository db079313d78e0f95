"""Read the corpus, and choose inputs that are worth keeping."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable
from pathlib import Path
from types import FrameType
from typing import Any

import melcli
from tests.fuzz.finds import signature
from tests.fuzz.targets import TARGETS

__all__ = ["CORPUS", "arcs_of", "corpus_of", "keep", "minimal", "name_of"]

CORPUS = Path(__file__).parent / "corpus"
MOST_BYTES = 8_000  # of one input that only adds coverage
_PACKAGE = str(Path(melcli.__file__).parent)

Arc = tuple[str, int, int]


def corpus_of(target: str) -> dict[str, bytes]:
    """Return the kept inputs of a target by name."""
    folder = CORPUS / target
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())} if folder.is_dir() else {}


def name_of(data: bytes) -> str:
    """Return the file name of an input."""
    return hashlib.sha256(data).hexdigest()[:16]


def keep(target: str, inputs: Iterable[bytes]) -> None:
    """Write inputs to a target's corpus."""
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    for data in inputs:
        (folder / name_of(data)).write_bytes(data)


def arcs_of(target: str, data: bytes) -> set[Arc]:
    """Return the transitions from line to line in melcli for an input, even if it is a find."""
    arcs: set[Arc] = set()
    before: dict[FrameType, int] = {}

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        if not frame.f_code.co_filename.startswith(_PACKAGE):
            return None
        arcs.add((frame.f_code.co_filename, before.get(frame, 0), frame.f_lineno))
        before[frame] = frame.f_lineno
        if event == "return":
            before.pop(frame, None)
        return trace

    sys.settrace(trace)
    try:
        TARGETS[target](data)
    except Exception as error:  # noqa: BLE001  a find is worth keeping
        arcs.add((signature(error), 0, 0))
    finally:
        sys.settrace(None)
    return arcs


def minimal(target: str, inputs: Iterable[bytes]) -> tuple[list[bytes], int]:
    """Choose a set of inputs, small ones first, that together cover all transitions of all inputs.

    Returns
    -------
    chosen : list of bytes
    num_arcs : int
        Number of transitions from line to line that they cover.
    """
    seen: set[Arc] = set()
    chosen = []
    for data in sorted(set(inputs), key=lambda data: (len(data), data)):
        if len(data) > MOST_BYTES:
            break
        found = arcs_of(target, data)
        if not found <= seen:
            seen |= found
            chosen.append(data)
    return chosen, len(seen)
