"""``melcli identify``: find the config that made features from audio."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

from melcli.cli.limit_options import Seconds
from melcli.cli.output import errors_as_json, say, stderr_may_fail, tell, tell_json
from melcli.errors import CHECK_FAILED, AudioError, ConfigError
from melcli.printable import printable
from melcli.threads import ONE_THREAD

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from melcli.identify.effort import Effort
    from melcli.identify.pairs import Pair
    from melcli.identify.search import Identification

__all__ = ["identify"]

OUT_OF_TIME = 10


@click.command()
@click.argument("paths", metavar="AUDIO... FEATURES...", nargs=-1, required=True, type=click.Path())
@click.option("--top", type=click.IntRange(1), default=5, metavar="N", help="Show at most N answers.  [default: 5]")
@click.option(
    "--max-time",
    type=Seconds(),
    help="Stop the search after this time, such as 30s, and print the nearest config.  [default: none]",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
def identify(paths: Sequence[str], *, top: int, max_time: float | None, as_json: bool) -> int:
    """Find which config made these features from this audio.

    FEATURES is a .npy file, or an .npz file, .h5 file or OUT of melcli that contains one array, or an array with the
    name of the audio file. With several audio files and the same number of FEATURES, all pairs together decide what
    one clip cannot. With two folders, identify uses the first 8 files whose names match.

    identify tries all named configs, and then other values of their keys: sampling rate, frames, window, mels,
    logarithm, floor, normalization, layout, cepstra. The output is a config that you can save and use; everything else
    in it is a comment. Use a few seconds of speech or music with a pause. The output lists keys that the clip leaves
    undetermined.

    The exit code is 0 if a config agrees up to rounding, and no number in it could be a statistic of this clip.

    \b
    melcli identify speech.wav speech.npy
    melcli identify one.wav two.wav one.npy two.npy
    melcli identify recordings features > found.yaml
    melcli extract recordings -o out -c found.yaml

    \b
    Exit codes:
      0   found
      2   usage
      3   the audio cannot be read
      4   not found, only nearly, or undecided
      5   FEATURES contains no features
      6   FEATURES cannot be read
      10  --max-time was reached
    """
    with errors_as_json(as_json):
        return _identify(paths, top, max_time, as_json)


def _identify(paths: Sequence[str], top: int, max_time_s: float | None, as_json: bool) -> int:
    # Its products are small ones, on which more threads only get in each other's way: 8 s rather than 2 on two cores.
    os.environ.update(ONE_THREAD)  # before numpy is imported, since the libraries read it once
    from contextlib import closing
    from time import monotonic

    from melcli.addresses import refuse_url
    from melcli.identify.effort import Effort
    from melcli.identify.pairs import read_pairs
    from melcli.identify.report import lines, plain
    from melcli.run.array_reader import ArrayReader
    from melcli.run.limits import Limits

    for path in paths:
        refuse_url("AUDIO and FEATURES", path)
    until_s = Limits(max_time_s=max_time_s).until_s(monotonic())
    with closing(ArrayReader()) as reader:
        pairs = read_pairs(paths, reader)
    effort = Effort(until_s=until_s, listener=_show if sys.stderr.isatty() and not as_json else None)
    found = _found(pairs, top, effort)
    _clear()
    if as_json:
        tell_json(plain(found))
    else:
        for line in lines(found, [pair.audio for pair in pairs], [pair.where for pair in pairs]):
            tell(line)
    if effort.out_of_time and found.certainty != "exact":
        say(f"melcli: stopped after {max_time_s:g} s by --max-time; the nearest config so far is printed")
        return OUT_OF_TIME
    return 0 if found.certainty == "exact" else CHECK_FAILED


def _found(pairs: Sequence[Pair], top: int, effort: Effort) -> Identification:
    from melcli.identify.search import identify as run

    first, *others = pairs
    more = [(pair.audio, pair.features) for pair in others]
    try:
        return run(first.audio, first.features, more=more, top=top, effort=effort)
    except AudioError as error:
        raise AudioError(error.reason, f"{_names(pair.audio for pair in pairs)}: {error.message}") from None
    except ConfigError as error:
        raise ConfigError(f"{_names(pair.where for pair in pairs)}: {error}") from None


def _names(paths: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(map(printable, paths)))


def _show(effort: Effort) -> None:
    """Tell on a terminal how far the search is."""
    with stderr_may_fail():
        sys.stderr.write(f"\r{effort.share:4.0%} of the search, {effort.trials:,.0f} trials")
        sys.stderr.flush()


def _clear() -> None:
    if sys.stderr.isatty():
        with stderr_may_fail():
            sys.stderr.write("\r" + " " * 48 + "\r")
            sys.stderr.flush()
