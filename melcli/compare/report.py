"""The report of a comparison, as lines of 80 columns and as JSON."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from melcli.compare.comparison import Comparison, ItemComparison
from melcli.compare.differences import Difference, Spread
from melcli.compare.explanations import Explanation
from melcli.compare.sentences import merged, pattern, sentence
from melcli.printable import printable

__all__ = ["lines", "plain"]

COLUMNS = 80


def lines(comparison: Comparison, *, top: int) -> Iterator[str]:
    """Yield the lines of the report: the worst items, then the totals, then explanations.

    Parameters
    ----------
    comparison : Comparison
        The comparison to report.
    top : int
        Maximum number of items and names to show of each kind.
    """
    unequal = sorted((item for item in comparison.items if not item.is_equal), key=_sort_key, reverse=True)
    if unequal:
        yield from _table(comparison, unequal, top)
        yield ""
    yield from _verdict(comparison, len(unequal))
    for name, ids in (("A", comparison.only_in_a), ("B", comparison.only_in_b)):
        if ids:
            more = f" and {len(ids) - top:,} more" if len(ids) > top else ""
            yield f"only in {name} ({len(ids):,}): {', '.join(map(printable, ids[:top]))}{more}"
    for found in comparison.unreadable[:top]:
        yield printable(found.message)
    if len(comparison.unreadable) > top:
        yield f"... and {len(comparison.unreadable) - top:,} more that cannot be read"
    yield from _explained(comparison, unequal)


def plain(comparison: Comparison) -> dict[str, Any]:
    """Return the object that ``--json`` prints; numbers that are not finite become null."""
    return {
        "exit_code": comparison.exit_code,
        "atol": comparison.tolerance.atol,
        "rtol": comparison.tolerance.rtol,
        "num_files": len(comparison.items),
        "num_equal": sum(item.is_equal for item in comparison.items),
        "num_within": sum(item.is_within for item in comparison.items),
        "whole": _plain_difference(comparison.whole),
        "explanations": [
            {"files": count, "words": words, "example": example}
            for words, count, example in _groups(comparison, comparison.items)
        ],
        "only_in_a": comparison.only_in_a,
        "only_in_b": comparison.only_in_b,
        "unreadable": [found._asdict() for found in comparison.unreadable],
        "files": [_plain_item(comparison, item) for item in comparison.items],
    }


def _sort_key(item: ItemComparison) -> tuple[float, ...]:
    difference = item.difference
    if difference is None:
        return (math.inf,)
    return difference.num_apart, 0.0 if difference.absolute is None else difference.absolute.max


def _table(comparison: Comparison, items: Sequence[ItemComparison], top: int) -> Iterator[str]:
    """Yield the heading, a row per item, and a row for all items if there are several."""
    rows = [_row(comparison, item) for item in items[:top]]
    if len(items) > top:
        rows.append(_Row("", (), "", f"... and {len(items) - top:,} more"))
    compared = sum(item.difference is not None for item in comparison.items)
    if compared > 1:
        rows.append(_Row("", _numbers(comparison.whole), "", f"in all, {compared:,} files"))
    if compared:
        place = "place" if comparison.time_axis_a is None else "bin, frame"
        rows.insert(0, _Row("", ("max", "p99.9", "mean") * 2, place, "file"))
    numbers = [row.numbers for row in rows if row.numbers]
    widths = [max(map(len, column)) for column in zip(*numbers, strict=True)]
    first = max(sum(widths) + 10 if widths else 0, *(len(row.shapes) for row in rows))
    second = max(len(row.place) for row in rows)
    if widths:
        half = first - sum(widths[3:]) - 6
        yield f"{'absolute':>{half}}{'relative to B':>{first - half}}"
    for row in rows:
        cells = row.shapes or "  ".join(f"{cell:>{width}}" for cell, width in zip(row.numbers, widths, strict=False))
        yield f"{cells:>{first}}  {row.place:<{second}}  {row.name}" if second else f"{cells:>{first}}  {row.name}"


class _Row(NamedTuple):
    """A row of the table: two shapes, or six numbers and a place; and a name."""

    shapes: str
    numbers: Sequence[str]
    place: str
    name: str


def _row(comparison: Comparison, item: ItemComparison) -> _Row:
    name = printable(item.id)
    if item.difference is None:
        return _Row(f"{_shape(item.shape_a)} against {_shape(item.shape_b)}", (), "", name)
    return _Row("", _numbers(item.difference), _place(comparison, item.difference), name)


def _numbers(difference: Difference) -> list[str]:
    return [
        number
        for spread in (difference.absolute, difference.relative)
        for number in (("-",) * 3 if spread is None else map(_short, (spread.max, spread.p999, spread.mean)))
    ]


def _short(number: float) -> str:
    """Format three digits: ``1.23e-5``."""
    digits, _, exponent = f"{number:.3g}".partition("e")
    return f"{digits}e{int(exponent)}" if exponent else digits


def _shape(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape)) or "scalar"


def _place(comparison: Comparison, difference: Difference) -> str:
    worst = difference.worst or ()
    ordered = worst[::-1] if comparison.time_axis_a == 0 and len(worst) == 2 else worst
    return ", ".join(map(str, ordered))


def _verdict(comparison: Comparison, num_unequal: int) -> Iterator[str]:
    whole, tolerance = comparison.whole, comparison.tolerance
    count = len(comparison.items)
    files = "1 file" if count == 1 else f"{count:,} files"
    if not count:
        yield "A and B have no file in common"
    elif not num_unequal:
        yield f"{files}, {whole.num_values:,} values: all equal"
    else:
        values = f"{whole.num_unequal:,} of {whole.num_values:,} values" if whole.num_values else "no shape agrees"
        yield f"{num_unequal:,} of {files} {'differs' if num_unequal == 1 else 'differ'} ({values})"
        if tolerance.atol or tolerance.rtol:
            beyond = sum(not item.is_within for item in comparison.items)
            relative = f" + {tolerance.rtol:g} * |B|" if tolerance.rtol else ""
            yield f"{beyond:,} of {files} beyond |A - B| <= {tolerance.atol:g}{relative} ({whole.num_beyond:,} values)"
    if whole.num_nonfinite_a or whole.num_nonfinite_b:
        numbers = f"{whole.num_nonfinite_a:,} in A, {whole.num_nonfinite_b:,} in B"
        yield f"NaN or infinite: {numbers}, {whole.num_apart:,} not the same in both"


def _explained(comparison: Comparison, unequal: Sequence[ItemComparison]) -> Iterator[str]:
    said = _groups(comparison, unequal)
    unexplained = [item.id for item in unequal if item.explanation is None]
    if unexplained:
        said.append(("no simple relation explains the difference", len(unexplained), unexplained[0]))
    for words, count, example in said:
        who = f"{count:,} files" if count > 1 else printable(example)
        yield from textwrap.wrap(
            f"{who}: {words}", COLUMNS, subsequent_indent="  ", break_on_hyphens=False, break_long_words=False
        )


def _groups(comparison: Comparison, items: Iterable[ItemComparison]) -> list[tuple[str, int, str]]:
    """Group explanations of the same kind: their description, their number, and the id of the first."""
    groups: dict[tuple[object, ...], tuple[Explanation, int, str]] = {}
    for item in sorted(items, key=lambda item: item.id):
        if item.explanation is not None:
            kind = pattern(item.explanation)
            joined, count, example = groups.get(kind, (item.explanation, 0, item.id))
            groups[kind] = merged(joined, item.explanation), count + 1, example
    found = [(_words(comparison, joined), count, example) for joined, count, example in groups.values()]
    return sorted(found, key=lambda group: -group[1])


def _words(comparison: Comparison, explanation: Explanation) -> str:
    """Describe an explanation; if only A's axes are known, B's follow from the layout."""
    time_axis = comparison.time_axis_b
    if time_axis is None and comparison.time_axis_a is not None and not explanation.layout.squeezed:
        time_axis = comparison.time_axis_a ^ explanation.layout.transposed
    return sentence(explanation, time_axis=time_axis)


def _plain_item(comparison: Comparison, item: ItemComparison) -> dict[str, Any]:
    return {
        "id": item.id,
        "equal": item.is_equal,
        "within": item.is_within,
        "shape_a": list(item.shape_a),
        "shape_b": list(item.shape_b),
        "dtype_a": item.dtype_a,
        "dtype_b": item.dtype_b,
        "difference": None if item.difference is None else _plain_difference(item.difference),
        "worst": _plain_worst(comparison, item.difference),
        "explanation": None if item.explanation is None else _words(comparison, item.explanation),
    }


def _plain_worst(comparison: Comparison, difference: Difference | None) -> dict[str, Any] | None:
    if difference is None or difference.worst is None:
        return None
    index, time_axis = difference.worst, comparison.time_axis_a
    if time_axis is None or len(index) != 2:
        return {"index": list(index), "bin": None, "frame": None}
    return {"index": list(index), "bin": index[1 - time_axis], "frame": index[time_axis]}


def _plain_difference(difference: Difference) -> dict[str, Any]:
    return {
        "num_values": difference.num_values,
        "num_unequal": difference.num_unequal,
        "num_beyond": difference.num_beyond,
        "num_nonfinite_a": difference.num_nonfinite_a,
        "num_nonfinite_b": difference.num_nonfinite_b,
        "num_apart": difference.num_apart,
        "absolute": _plain_spread(difference.absolute),
        "relative": _plain_spread(difference.relative),
    }


def _plain_spread(spread: Spread | None) -> dict[str, float | None] | None:
    if spread is None:
        return None
    numbers = {"max": spread.max, "p999": spread.p999, "mean": spread.mean}
    return {name: number if math.isfinite(number) else None for name, number in numbers.items()}
