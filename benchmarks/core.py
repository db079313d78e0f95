"""The core against the libraries: arrays in memory, one thread, float32, dB with ``top_db`` 80.

Each group of peers has a process of its own, in which melcli and the bare FFT are timed too, in turn with the peers.
The process may use one core only: XLA keeps threads of its own whatever it is told, and took 1.3 cores otherwise.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

from benchmarks.options import Options, conclude, parse, write
from benchmarks.processes import module_result
from benchmarks.settings import SETTINGS, Setting
from benchmarks.tables import Table, ratio
from melcli.threads import ONE_THREAD

__all__ = ["DURATIONS_S", "measure", "tables"]

DURATIONS_S = (1, 10, 60)
BUDGET_S = 0.1  # of one peer in one round
ONE_THREAD_EACH = {
    "libraries": {},
    "tensorflow": {
        "KERAS_BACKEND": "tensorflow",
        "TF_NUM_INTRAOP_THREADS": "1",
        "TF_NUM_INTEROP_THREADS": "1",
        "TF_CPP_MIN_LOG_LEVEL": "3",
    },
    "jax": {
        "KERAS_BACKEND": "jax",
        "JAX_PLATFORMS": "cpu",
        "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
    },
}


def measure(options: Options) -> dict[str, Any]:
    """Measure every group, each in its own process."""
    peers: dict[str, Any] = {}
    absent: dict[str, str] = {}
    for group, environment in ONE_THREAD_EACH.items():
        print(f"core: {group} ...", file=sys.stderr, flush=True)
        arguments = ["--group", group, "--rounds", str(options.rounds)]
        found = module_result("benchmarks.core", arguments, {**os.environ, **ONE_THREAD, **environment}, quiet=True)
        absent.update(found.pop("absent"))
        peers[group] = found
    return {"durations_s": list(DURATIONS_S), "rounds": options.rounds, "groups": peers, "absent": absent}


def measure_group(group: str, rounds: int) -> dict[str, Any]:
    """Measure one group, here; what is absent or does not work is told, not timed."""
    from benchmarks.core_peers import GROUPS
    from benchmarks.machine import is_installed

    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    absent = {peer.name: "not installed" for peer in GROUPS[group] if not is_installed(peer.package)}
    settings = {}
    for setting in SETTINGS:
        lengths = {}
        for duration_s in DURATIONS_S:
            working, wrong = _make(group, setting, duration_s)
            absent.update(wrong)
            lengths[str(duration_s)] = _time(working, setting, rounds)
        settings[setting.name] = lengths
    return {"settings": settings, "absent": absent}


def _make(group: str, setting: Setting, duration_s: int) -> tuple[dict[str, Callable[[], Any]], dict[str, str]]:
    """Make the group's peers for one signal; return those that work, melcli first, and what is wrong with others."""
    from benchmarks.core_peers import GROUPS, MELCLI, check
    from benchmarks.corpus import speech
    from benchmarks.machine import is_installed

    signal = speech(duration_s, setting.sampling_rate, seed=duration_s)
    working = {MELCLI.name: MELCLI.make(setting, signal)}
    expected = working[MELCLI.name]()
    wrong = {}
    for peer in GROUPS[group]:
        if not is_installed(peer.package):
            continue
        try:
            run = peer.make(setting, signal)
            complaint = check(peer, run(), expected)
        except Exception as error:  # noqa: BLE001  a peer that cannot be loaded costs that peer alone
            complaint = f"failed with {error!r}"
        if complaint:
            wrong[f"{peer.name}, {setting.name}"] = complaint
        else:
            working[peer.name] = run
    return working, wrong


def _time(working: dict[str, Callable[[], Any]], setting: Setting, rounds: int) -> dict[str, Any]:
    from benchmarks.bare_fft import bare_ffts, fft_s
    from benchmarks.timing import in_rounds, median_ratio, ratios

    times_s = in_rounds({**working, **bare_ffts(setting.fft_length)}, rounds=rounds, budget_s=BUDGET_S)
    num_frames = working["melcli"]().shape[1]
    bare_s = fft_s(times_s, num_frames)
    ours_s = times_s["melcli"]
    return {
        "num_frames": num_frames,
        "best_s": {name: min(times_s[name]) for name in working} | {"bare FFT": min(bare_s)},
        "peer_over_melcli": {
            name: {"median": median_ratio(times_s[name], ours_s), "rounds": ratios(times_s[name], ours_s)}
            for name in working
            if name != "melcli"
        },
        "melcli_over_fft": {"median": median_ratio(ours_s, bare_s), "rounds": ratios(ours_s, bare_s)},
    }


def tables(result: dict[str, Any]) -> list[Table]:
    """Make the tables of a result: ratios, melcli over the FFT, times real time."""
    settings = [setting.name for setting in SETTINGS]
    lengths = [str(duration_s) for duration_s in result["durations_s"]]
    head = [f"{setting.fft_length}, {length} s" for setting in SETTINGS for length in lengths]
    peers = dict.fromkeys(
        peer
        for group in result["groups"].values()
        for setting in group["settings"].values()
        for length in setting.values()
        for peer in length["peer_over_melcli"]
    )
    cells = [(setting, length) for setting in settings for length in lengths]
    faster = [[peer, *(_cell(result, peer, *cell) for cell in cells)] for peer in peers]
    libraries = result["groups"]["libraries"]["settings"]
    fft = ["melcli over the bare FFT", *(ratio(libraries[s][d]["melcli_over_fft"]["median"]) for s, d in cells)]
    speeds = [[peer, *(_speed(result, peer, *cell) for cell in cells)] for peer in ["melcli", "bare FFT", *peers]]
    return [
        Table("core", "How many times as long as melcli each peer takes", ["", *head], faster),
        Table("fft", "How many times as long as the bare scipy.fft.rfft melcli takes", ["", *head], [fft]),
        Table("core speed", "Times real time, best call", ["", *head], speeds),
    ]


def _cell(result: dict[str, Any], peer: str, setting: str, length: str) -> str:
    found = _of(result, peer, setting, length, "peer_over_melcli")
    return ratio(found["median"] if found else None)


def _speed(result: dict[str, Any], peer: str, setting: str, length: str) -> str:
    best_s = _of(result, peer, setting, length, "best_s")
    return f"{float(length) / best_s:,.0f}" if best_s else ""


def _of(result: dict[str, Any], peer: str, setting: str, length: str, key: str) -> Any:
    for group in result["groups"].values():
        if peer in group["settings"][setting][length][key]:
            return group["settings"][setting][length][key][peer]
    return None


def main() -> None:
    """Measure, print, write."""
    options = parse(__doc__, extra={"--group": "measure this group alone, here, and print JSON only"}, rounds=5)
    if options.group:
        write(measure_group(options.group, options.rounds), options.json)
        return
    result = measure(options)
    conclude("core", result, tables(result), options)
    for peer, reason in result["absent"].items():
        print(f"absent: {peer}: {reason}")


if __name__ == "__main__":
    main()
