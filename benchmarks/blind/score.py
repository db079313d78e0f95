"""Ask ``melcli identify`` about a blind set, and score it: ``python -m benchmarks.blind.score FOLDER [--json FILE]``.

The config that it prints for the first clip is computed on the second one, which it never saw.  It is right where the
features agree there within `AGREES` of their range, and what their own type rounds away.

==================  ================================================================================================
right               exit code 0, and right on the second clip
right but for keys  exit code 0, and right with other values that the answer lists as undetermined: of one key, or of
                    several if the answer says that they fit in any combination
wrong and sure      exit code 0, and neither
undecided           exit code 4, and the config that it prints first is right
missed              exit code 4, and it is not, though there is a config
honest              exit code 4, and there is no config
==================  ================================================================================================
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import islice, product
from pathlib import Path
from typing import Any

import numpy as np

from melcli.audio.load import load_audio
from melcli.config.config import Config
from melcli.config.resolve import resolve_config
from melcli.errors import MelcliError
from melcli.mel.spectrogram import MelSpectrogram
from melcli.options import to_plain

LOOP_INCREMENTS = 1_000_000
MAX_COMBINATIONS = 5_000  # of other values that are tried
AGREES = 2e-4  # of the range, at the 99.9th percentile, as in `identify` and with room for another clip's range


def main() -> None:
    """Score all cases."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", help="numbers of cases, with commas")
    arguments = parser.parse_args()
    folders = sorted(path.parent for path in arguments.folder.glob("*/case.json"))
    if arguments.only:
        folders = [folder for folder in folders if int(folder.name) in map(int, arguments.only.split(","))]
    with ThreadPoolExecutor(arguments.jobs) as pool:
        scored = list(pool.map(_score, folders))
    about = arguments.folder / "set.json"
    about_run = {"loop_s": float(np.median([case["loop_s"] for case in scored]))}
    result = (
        summary(scored)
        | about_run
        | {"set": json.loads(about.read_text()) if about.exists() else None, "cases": scored}
    )
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=1))
    print(json.dumps({key: value for key, value in result.items() if key not in ("cases", "set")}, indent=1))


def summary(scored: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the figures of a run."""
    cpu_s = np.array([case["cpu_s"] for case in scored])
    expressible = [case for case in scored if case["expressible"]]
    found = [case for case in expressible if case["outcome"] in ("right", "right but for keys")]
    return {
        "cases": len(scored),
        "outcomes": dict(Counter(case["outcome"] for case in scored)),
        "expressible": len(expressible),
        "found": len(found),
        "cpu_s": {"median": float(np.median(cpu_s)), "p90": float(np.quantile(cpu_s, 0.9)), "max": float(cpu_s.max())},
    }


def _score(folder: Path) -> dict[str, Any]:
    case = json.loads((folder / "case.json").read_text())
    own = _left(folder, _config(folder / "own.yaml", case["config"])) if case["config"] else None
    enough = AGREES + _rounding(np.load(folder / "b.npy"))
    expressible = own is not None and own <= enough
    loop_s = loop()
    code, cpu_s, told = _identify(folder)
    outcome = _outcome(folder, code, enough, expressible)
    scored = {"case": folder.name, "outcome": outcome, "exit_code": code, "cpu_s": round(cpu_s, 2)}
    scored |= {"loop_s": round(loop_s, 3)}
    scored |= {"expressible": expressible, "own_config_leaves": own, "package": case["package"], "kind": case["kind"]}
    print(f"{folder.name} {outcome:<18} {cpu_s:6.1f} s  {case['package']}", file=sys.stderr, flush=True)
    return scored | {"arguments": case["arguments"], "why_not": case["why_not"], "told": told}


def loop() -> float:
    """Return the CPU seconds of 10 million increments in Python, by which runs on other machines compare."""
    before = time.thread_time()
    number = 0
    while number < LOOP_INCREMENTS:
        number += 1
    return (time.thread_time() - before) * 1e7 / LOOP_INCREMENTS


def _identify(folder: Path) -> tuple[int, float, str]:
    """Run the command on the first clip; return its exit code, CPU seconds and what it says beside the config."""
    command = [sys.executable, "-m", "melcli", "identify", str(folder / "a.wav"), str(folder / "a.npy")]
    with (folder / "found.yaml").open("wb") as out, (folder / "stderr.txt").open("wb") as err:
        child = subprocess.Popen(command, stdout=out, stderr=err)  # noqa: S603 - melcli itself
        _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    told = [line[2:] for line in (folder / "found.yaml").read_text().splitlines() if line.startswith("# ")]
    return child.returncode, usage.ru_utime + usage.ru_stime, " ".join(told)


def _outcome(folder: Path, code: int, enough: float, expressible: bool) -> str:
    """Name the outcome; see the table above."""
    try:
        found = resolve_config(str(folder / "found.yaml"))
        left = _left(folder, found)
    except MelcliError:
        left = None
    right = left is not None and left <= enough
    if code != 0:
        return "undecided" if right else "missed" if expressible else "honest"
    if right:
        return "right"
    others = _other_values(folder)
    return "right but for keys" if any(_is_right(folder, found, one, enough) for one in others) else "wrong and sure"


def _other_values(folder: Path) -> list[dict[str, Any]]:
    command = [sys.executable, "-m", "melcli", "identify", str(folder / "a.wav"), str(folder / "a.npy"), "--json"]
    told = json.loads(_output_of(command))
    return combinations(told["undetermined"], together=told["undetermined_together"])


def combinations(undetermined: dict[str, list[Any]], *, together: bool) -> list[dict[str, Any]]:
    """Return the other values that an answer lists: of one key each, and of several where they fit together."""
    alone = [{key: value} for key, values in undetermined.items() for value in values]
    if not together:
        return alone
    choices = [[{}, *({key: value} for value in values)] for key, values in undetermined.items()]
    joined = ({key: value for one in chosen for key, value in one.items()} for chosen in product(*choices))
    return alone + [keys for keys in islice(joined, MAX_COMBINATIONS) if len(keys) > 1]


def _output_of(command: list[str]) -> bytes:
    return subprocess.run(command, capture_output=True, check=False).stdout  # noqa: S603 - melcli itself


def _is_right(folder: Path, config: Config, keys: dict[str, Any], enough: float) -> bool:
    plain = {"audio": to_plain(config.audio), "features": to_plain(config.features) | keys}
    try:
        left = _left(folder, _config(folder / "other.yaml", plain))
    except MelcliError:
        return False
    return left is not None and left <= enough


def _rounding(features: np.ndarray) -> float:
    return float(np.finfo(features.dtype).eps * np.abs(features.astype(np.float64)).max() / np.ptp(features))


def _config(path: Path, plain: dict[str, Any]) -> Config:
    path.write_text(json.dumps(plain))  # JSON is YAML
    return resolve_config(str(path))


def _left(folder: Path, config: Config) -> float | None:
    """Return what a config leaves on the second clip, in parts of the range; None where the shape is another."""
    theirs = np.load(folder / "b.npy").astype(np.float64)
    audio = load_audio(str(folder / "b.wav"), config.audio, sampling_rate=config.features.sampling_rate)
    ours = MelSpectrogram(**to_plain(config.features))(audio.signals[0]).astype(np.float64)
    if ours.shape != theirs.shape:
        return None
    return float(np.percentile(np.abs(ours - theirs), 99.9) / np.ptp(theirs))


if __name__ == "__main__":
    main()
