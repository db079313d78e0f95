"""Describe explanations in sentences: the equation and its known meaning."""

from __future__ import annotations

import math
from dataclasses import replace

from melcli.compare.explanations import Explanation
from melcli.compare.meanings import meaning
from melcli.compare.relations import Floor, Function, Range, Relation

__all__ = ["merged", "pattern", "sentence"]

_SAME_RTOL = 1e-5  # numbers fitted to two files of the same origin agree to this


def sentence(explanation: Explanation, *, time_axis: int | None = None) -> str:
    """Describe an explanation in a sentence without a full stop.

    Parameters
    ----------
    explanation : Explanation
        The explanation of one pair of arrays, or the result of `merged`.
    time_axis : int or None
        The time axis of B, if known.
    """
    if explanation.constants is not None:
        a, b = explanation.constants
        return f"both are constant, A = {_number(a)} and B = {_number(b)}, so the cause is unknown"
    relation = explanation.relation
    if explanation.changes_nothing:
        if not relation.max_residual:
            return "equal where both are finite"
        return f"equal except for noise (RMS {relation.rms:.2g}, maximum {relation.max_residual:.2g})"
    said = [explanation.layout.describe(time_axis=time_axis), _describe(relation, time_axis)]
    if explanation.undetermined:
        said.append("the axes may be exchanged, since the numbers fit both ways")
    words = "; ".join(filter(None, said))
    if relation.is_rounding:
        return words
    return f"{words} ({f'to within {relation.max_residual:.2g}' if relation.max_residual else 'exactly'})"


def pattern(explanation: Explanation) -> tuple[object, ...]:
    """Return the properties that explanations with one cause share; their numbers may differ from file to file."""
    if explanation.constants is not None:
        return ("constants",)
    relation = explanation.relation
    factor, offset = relation.factors[0], relation.offsets[0]
    return (
        *(explanation.layout, explanation.undetermined),
        *(relation.function, relation.swapped, relation.each, relation.rounded_left, relation.rounded_right),
        *(relation.floor_left is None, relation.floor_right is None),
        *(relation.ceiling_left is None, relation.ceiling_right is None),
        *(relation.eps_left is None, relation.eps_right is None, relation.scaled_to),
        *(relation.factors == (1.0, 1.0), relation.offsets == (0.0, 0.0)),
        relation.each is None and meaning(relation.function, factor, offset, names=("A", "B")),
    )


def merged(one: Explanation, other: Explanation) -> Explanation:
    """Join two explanations with the same `pattern`: their numbers become ranges."""
    if one.constants is not None and other.constants is not None:
        (a, b), (c, d) = one.constants, other.constants
        return replace(one, constants=(_join(a, c), _join(b, d)))
    mine, theirs = one.relation, other.relation
    relation = replace(
        mine,
        factors=_join(mine.factors, theirs.factors),
        offsets=_join(mine.offsets, theirs.offsets),
        floor_right=_join_floors(mine.floor_right, theirs.floor_right),
        floor_left=_join_floors(mine.floor_left, theirs.floor_left),
        ceiling_right=_join_known(mine.ceiling_right, theirs.ceiling_right),
        ceiling_left=_join_known(mine.ceiling_left, theirs.ceiling_left),
        eps_right=_join_known(mine.eps_right, theirs.eps_right),
        eps_left=_join_known(mine.eps_left, theirs.eps_left),
        scaled_from=_join_known(mine.scaled_from, theirs.scaled_from),
        rms=max(mine.rms, theirs.rms),
        max_residual=max(mine.max_residual, theirs.max_residual),
    )
    return replace(one, relation=relation)


def _describe(relation: Relation, time_axis: int | None) -> str:
    right, left = ("B", "A") if relation.swapped else ("A", "B")
    changed = bool(relation.function) or relation.factors != (1.0, 1.0) or relation.offsets != (0.0, 0.0)
    said = [_equation(relation, left, right, time_axis)] if changed else []
    for who, floor in ((right, relation.floor_right), (left, relation.floor_left)):
        if floor is not None:
            said.append(f"{who} has a floor at {_floor(floor)}")
    for who, eps in ((right, relation.eps_right), (left, relation.eps_left)):
        if eps is not None:
            said.append(f"{who} adds {_number(eps)} before the logarithm")
    for who, ceiling in ((right, relation.ceiling_right), (left, relation.ceiling_left)):
        if ceiling is not None:
            said.append(f"{who} has a ceiling at {_number(ceiling)}")
    for who, other, dtype in ((right, left, relation.rounded_right), (left, right, relation.rounded_left)):
        if dtype is not None:
            said.append(f"{who} is {'' if changed else f'{other} '}rounded to {dtype}")
    return "; ".join(said)


def _equation(relation: Relation, left: str, right: str, time_axis: int | None) -> str:
    place = "file" if relation.each is None else ("row", "column")[relation.each]
    if relation.each is not None and time_axis is not None:
        place = "frame" if relation.each == time_axis else "bin"
    said = f"{left} = {_term(relation.factors, _called(right, relation.function), place)}"
    said += _plus(relation.offsets, place)
    if relation.scaled_to is not None and relation.scaled_from is not None:
        low, high = relation.scaled_from
        start, end = relation.scaled_to
        return f"{said}: min-max scaling of {right} from [{low:.6g}, {high:.6g}] to [{start:g}, {end:g}]"
    factor, offset = relation.factors[0], relation.offsets[0]
    if not (_one_number(relation.factors) and _one_number(relation.offsets)):
        return said
    meant = meaning(relation.function, factor, offset, names=(right, left)) or _normalized(relation, right)
    return f"{said}: {meant}" if meant else said


def _called(name: str, function: Function) -> str:
    return {"": name, "square": f"{name} ** 2", "ln": f"ln({name})"}[function]


def _term(factors: Range, what: str, place: str) -> str:
    if not _one_number(factors):
        return f"{what} * a factor per {place} ({factors[0]:.6g} to {factors[1]:.6g})"
    return what if factors[0] == 1.0 else f"{factors[0]:.7g} * {what}"


def _plus(offsets: Range, place: str) -> str:
    if not _one_number(offsets):
        return f" + an offset per {place} ({offsets[0]:.6g} to {offsets[1]:.6g})"
    offset = offsets[0]
    return "" if offset == 0.0 else f" {'-' if offset < 0 else '+'} {abs(offset):.7g}"


def _normalized(relation: Relation, right: str) -> str:
    """Interpret a factor and an offset without a known meaning as a mean and a standard deviation."""
    factor, offset = relation.factors[0], relation.offsets[0]
    if relation.function or relation.each is not None or factor <= 0 or factor == 1.0 or offset == 0.0:
        return ""
    return f"({right} - mean) / std with mean {-offset / factor:.6g} and std {1 / factor:.6g}"


def _floor(floor: Floor) -> str:
    if _one_number(floor.level):
        return f"{floor.level[0]:.6g} ({_number(floor.depth)} below its maximum)"
    if _one_number(floor.depth):
        return f"{floor.depth[0]:.6g} below its maximum"
    return f"a value per file ({floor.level[0]:.6g} to {floor.level[1]:.6g})"


def _number(ends: Range) -> str:
    return f"{ends[0]:.6g}" if _one_number(ends) else f"{ends[0]:.6g} to {ends[1]:.6g}"


def _one_number(ends: Range) -> bool:
    return math.isclose(*ends, rel_tol=_SAME_RTOL)


def _join_floors(one: Floor | None, other: Floor | None) -> Floor | None:
    if one is None or other is None:
        return None
    return Floor(level=_join(one.level, other.level), depth=_join(one.depth, other.depth))


def _join_known(one: Range | None, other: Range | None) -> Range | None:
    return None if one is None or other is None else _join(one, other)


def _join(one: Range, other: Range) -> Range:
    """Return the range of both; the first one if both are nearly the same number."""
    both = min(one[0], other[0]), max(one[1], other[1])
    return one if _one_number(both) else both
