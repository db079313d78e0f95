"""The signature of a find, so that one bug counts once; and the finds that are not fixed yet."""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from pathlib import Path

import melcli

__all__ = ["OPEN", "signature"]

_ROOT = Path(melcli.__file__).parent.parent

# Description by target and signature.  It should be empty; a test checks that fixed finds are removed.
OPEN: Mapping[str, Mapping[str, str]] = {}


def signature(error: BaseException) -> str:
    """Return class and place of an exception: the innermost function of melcli or the fuzzer."""
    ours = [
        f"{Path(frame.filename).relative_to(_ROOT)}:{frame.name}"
        for frame in traceback.extract_tb(error.__traceback__)
        if Path(frame.filename).is_relative_to(_ROOT / "melcli") or frame.filename.endswith("/fuzz/targets.py")
    ]
    return f"{type(error).__name__} in {ours[-1] if ours else 'nowhere'}"
