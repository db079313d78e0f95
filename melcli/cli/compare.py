"""``melcli compare``: differences between two sets of features."""

from __future__ import annotations

import click

from melcli.cli.output import errors_as_json, tell, tell_json

__all__ = ["compare"]


@click.command()
@click.argument("a", metavar="A", type=click.Path())
@click.argument("b", metavar="B", type=click.Path())
@click.option("--atol", type=float, default=0.0, metavar="X", help="Absolute tolerance.  [default: 0]")
@click.option("--rtol", type=float, default=0.0, metavar="X", help="Tolerance relative to B.  [default: 0]")
@click.option(
    "--top",
    type=click.IntRange(0),
    default=10,
    metavar="N",
    help="Show at most N files, worst first, and at most N names.  [default: 10]",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object with every file, and nothing else.")
def compare(a: str, b: str, *, atol: float, rtol: float, top: int, as_json: bool) -> int:
    """Show how much two sets of features differ, and why.

    A and B are each an OUT of melcli extract, a file, or a folder of files: .npy, .npz (each array is an item), .h5 or
    .hdf5 (each dataset is an item). compare matches items by id, which is the path below the folder without its
    extension. Two files with one array each are compared whatever their names are.

    Two numbers agree if |a - b| <= atol + rtol * |b|; without these options, if they are equal. NaN agrees with NaN.
    The types of the stored numbers do not matter. compare names the cause of a difference if it finds one: a factor,
    an offset, normalization, a logarithm, a floor, rounding, swapped or reversed axes, extra or shifted frames.

    \b
    melcli compare features other_features
    melcli compare features/speech/english.npy mel.npy --atol 1e-3
    melcli compare features features.h5 --json

    \b
    Exit codes:
      0   all agree
      2   usage
      4   numbers, shapes or ids differ, or an item cannot be read
      5   A or B contains no features
      6   A or B cannot be read
    """
    with errors_as_json(as_json):
        return _compare(a, b, atol, rtol, top, as_json)


def _compare(path_a: str, path_b: str, atol: float, rtol: float, top: int, as_json: bool) -> int:
    from contextlib import closing

    from melcli.addresses import refuse_url
    from melcli.compare.comparison import compare as run
    from melcli.compare.differences import Tolerance
    from melcli.compare.feature_sets import open_feature_set
    from melcli.compare.report import lines, plain
    from melcli.run.array_reader import ArrayReader

    refuse_url("A", path_a)
    refuse_url("B", path_b)
    with (
        closing(ArrayReader()) as reader,
        closing(open_feature_set(path_a, reader)) as a,
        closing(open_feature_set(path_b, reader)) as b,
    ):
        comparison = run(a, b, Tolerance(atol=atol, rtol=rtol))
    if as_json:
        tell_json(plain(comparison))
    else:
        for line in lines(comparison, top=top):
            tell(line)
    return comparison.exit_code
