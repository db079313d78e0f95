"""For CI: fails where the core has become 1.7 times slower, relative to the bare FFT on the same machine.

    python -m benchmarks.guard              # ends with 1 and a sentence where a setting is over its limit
    python -m benchmarks.guard --record     # writes guard.json again, for the SciPy that is installed

No time is held against a limit, only the core's shortest call against the FFT's shortest call in the same seconds;
both are short enough to find a quiet moment on a busy machine.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from benchmarks.settings import SETTINGS, Setting
from melcli.threads import ONE_THREAD

__all__ = ["LIMIT", "measured_ratio", "too_slow"]

RECORDED = Path(__file__).with_name("guard.json")
# Twice the work is 2.  On another processor, an EPYC with the Haswell kernels of OpenBLAS, the same core took 1.24 to
# 1.41 times the recorded ratios, so 1.3 failed there.
LIMIT = 1.7
DURATION_S = 10
ROUNDS = 40
TRIES = 3  # what is over the limit is measured again before it counts


def main() -> int:
    """Compare or record; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--record", action="store_true", help="write the ratios of now as those to hold")
    record = parser.parse_args().record
    os.environ.update(ONE_THREAD)  # before NumPy is loaded
    recorded = json.loads(RECORDED.read_text(encoding="utf-8")) if RECORDED.exists() else {}
    era = scipy_era()
    ratios = {setting.name: measured_ratio(setting) for setting in SETTINGS}
    if record:
        recorded[era] = {name: round(ratio, 2) for name, ratio in ratios.items()}
        RECORDED.write_text(json.dumps(recorded, indent=2) + "\n", encoding="utf-8")
    elif era not in recorded:
        print(f"guard.json has no ratios for {era}: run python -m benchmarks.guard --record")
        return 1
    for _ in range(TRIES - 1):
        for setting in SETTINGS:
            if too_slow({setting.name: ratios[setting.name]}, recorded[era]):
                ratios[setting.name] = min(ratios[setting.name], measured_ratio(setting))
    for name, ratio in ratios.items():
        print(f"{name}: {ratio:.2f} times the bare FFT; recorded {recorded[era][name]:.2f} ({era})")
    complaints = too_slow(ratios, recorded[era])
    print("\n".join(complaints), end="\n" if complaints else "", file=sys.stderr)
    return 1 if complaints else 0


def too_slow(ratios: Mapping[str, float], recorded: Mapping[str, float]) -> list[str]:
    """Return a sentence for each setting whose ratio is over `LIMIT` times the recorded one."""
    return [
        f"The core takes {ratio:.2f} times the bare FFT at {name}; the limit is {LIMIT * recorded[name]:.2f}, "
        f"{LIMIT:g} times the recorded {recorded[name]:.2f}."
        for name, ratio in ratios.items()
        if ratio > LIMIT * recorded[name]
    ]


def measured_ratio(
    setting: Setting, make: Callable[[Setting, Any], Callable[[], Any]] | None = None, *, rounds: int = ROUNDS
) -> float:
    """Return the core's shortest call over that of the bare FFT of as many frames, on ten seconds of noise.

    Parameters
    ----------
    setting : Setting
    make : callable, optional
        Makes what is held against the FFT; melcli's core without it.
    rounds : int
        How often both are called.
    """
    import numpy as np

    from benchmarks.bare_fft import bare_ffts, fft_s
    from benchmarks.core_peers import MELCLI
    from benchmarks.timing import in_rounds

    noise = np.random.default_rng(0).standard_normal(DURATION_S * setting.sampling_rate).astype(np.float32)
    core = (make or MELCLI.make)(setting, noise)
    num_frames = core().shape[1]
    times_s = in_rounds({"core": core, **bare_ffts(setting.fft_length)}, rounds=rounds, budget_s=0.0)
    return min(times_s["core"]) / min(fft_s(times_s, num_frames))


def scipy_era() -> str:
    """Tell the two FFTs of SciPy apart: pocketfft, and ducc from 1.18 on, which is 1.3 to 1.8 times as fast."""
    import scipy

    major, minor = (int(part) for part in scipy.__version__.split(".")[:2])
    return "scipy 1.18 and later" if (major, minor) >= (1, 18) else "scipy below 1.18"


if __name__ == "__main__":
    raise SystemExit(main())
