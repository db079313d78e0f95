"""Make the goldens: what the reference implementations themselves answer.

Run from the root of the repository, in the environment that tests/golden/README.md describes::

    KERAS_BACKEND=torch python -m tests.golden.make        # Keras's layer on 32 settings, on that backend
    python -m tests.golden.make --front-ends               # every named config, by its own reference
    python -m tests.golden.make --front-ends whisper nemo  # these two
    python -m tests.golden.make --whisper-filters          # checksums of the filters that Whisper stores
    python -m tests.golden.make --signals                  # the signals again, which needs espeak-ng

Nothing of melcli is imported here.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from tests.golden import front_ends, keras_layer, signals

__all__ = ["main"]


def main() -> None:
    """Make what is asked for, and say what was written."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--front-ends", nargs="*", metavar="NAME", help="a file for each config; all without a name")
    what.add_argument("--whisper-filters", action="store_true", help="checksums of Whisper's stored filters")
    what.add_argument("--signals", action="store_true", help="the signals, and no golden")
    asked = parser.parse_args()
    if asked.signals:
        np.savez_compressed(signals.FILE, **signals.make_signals())
        _say([signals.FILE])
    elif asked.front_ends is not None:
        _say(front_ends.make_front_ends(asked.front_ends))
    elif asked.whisper_filters:
        _say([front_ends.make_whisper_filters()])
    else:
        _say([keras_layer.make_answers()])


def _say(paths: Iterable[Path]) -> None:
    for path in paths:
        print(f"{path.name}: {path.stat().st_size:,} bytes", flush=True)


if __name__ == "__main__":
    main()
