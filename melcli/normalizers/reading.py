"""Read means and standard deviations from a file, by its extension or content."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from melcli.errors import ConfigError
from melcli.normalizers.kaldi_matrices import read_matrices
from melcli.normalizers.normalizer import Normalizer, Normalizers, from_sums
from melcli.normalizers.small_arrays import read_npy, read_npz
from melcli.opening import regular_only
from melcli.printable import printable

__all__ = ["MAX_BYTES", "read_normalizers"]

MAX_BYTES = 1 << 26
MIN_FEATURES = 8  # fewer values repeat by chance
MAX_FEATURES = 4096
DEVIATIONS = ("std", "scale", "stddev")
VARIANCES = ("variance", "var")
_COMPONENT = re.compile(rb"<(AddShift|Rescale)>[^\[<]*(?:<LearnRateCoef>[^\[<]*)?\[([^\]]*)\]")


def read_normalizers(path: str | os.PathLike[str]) -> Normalizers:
    """Read a file.

    Parameters
    ----------
    path : path
        What ``melcli stats`` writes (.npz, .npy, .json, .ark); an .npz, .npy or .json with ``mean`` and ``std``,
        ``variance`` or ``scale``; statistics of ESPnet (``count``, ``sum``, ``sum_square``) and WeNet (``mean_stat``,
        ``var_stat``, ``frame_num``); statistics of Kaldi (``compute-cmvn-stats``); or an ``am.mvn`` of FunASR.

    Raises
    ------
    ConfigError
        It cannot be read, or is none of these; the message begins with the path.
    """
    where = printable(os.fspath(path))
    try:
        with open(path, "rb", opener=regular_only) as file:
            data = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else printable(str(error))
        raise ConfigError(f"{where}: cannot be read: {reason}") from None
    try:
        if len(data) > MAX_BYTES:
            raise ConfigError(f"it is larger than {MAX_BYTES:,} bytes")
        read = _KINDS.get(os.path.splitext(where)[1].lower(), _from_text_or_archive)
        with np.errstate(all="ignore"):  # numbers that overflow are refused as not finite
            return read(data)
    except ConfigError as error:
        raise ConfigError(f"{where}: {printable(error.problem)}", hint=error.hint) from None


def _from_npz(data: bytes) -> Normalizers:
    return _from_fields(read_npz(data))


def _from_npy(data: bytes) -> Normalizers:
    array = read_npy(data)
    if array.ndim != 2 or len(array) != 2:
        raise ConfigError(
            f"an array of shape {array.shape} must be (2, features): means and standard deviations, or sums and squares"
        )
    if array.shape[1] > 1 and array[1, -1] == 0:
        return Normalizers(total=_from_matrix(array))
    return Normalizers(total=Normalizer(mean=tuple(array[0].tolist()), std=tuple(array[1].tolist())))


def _from_json(data: bytes) -> Normalizers:
    try:
        plain = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"it is not JSON: {error}") from None
    if not isinstance(plain, dict):
        raise ConfigError("it is not a JSON object")
    return _from_fields(plain)


def _from_text_or_archive(data: bytes) -> Normalizers:
    if data.lstrip().startswith(b"<Nnet>"):
        return Normalizers(total=_from_network(data))
    matrices = {key: _from_matrix(matrix) for key, matrix in read_matrices(data).items()}
    if len(matrices) == 1:
        return Normalizers(total=next(iter(matrices.values())), groups=matrices if "" not in matrices else {})
    return Normalizers(groups=matrices)


def _from_fields(fields: Mapping[str, Any]) -> Normalizers:
    groups: dict[str, Normalizer] = {}
    if "group_mean" in fields:  # arrays of melcli stats --by
        names = [str(name) for name in fields["groups"]]
        groups = {
            name: _from_mean(mean, {"std": std})
            for name, mean, std in zip(names, fields["group_mean"], fields["group_std"], strict=True)
        }
    elif isinstance(fields.get("groups"), dict):  # JSON of melcli stats --by
        groups = {name: _total(group) for name, group in fields["groups"].items()}
    by = str(fields["by"]) if groups and fields.get("by") is not None else None
    return Normalizers(total=_total(fields), by=by, groups=groups)


def _total(fields: Any) -> Normalizer:
    if not isinstance(fields, Mapping):
        raise ConfigError("an entry of it is not an object")
    if "mean" in fields:
        return _from_mean(fields["mean"], fields)
    for count, sums, squares in (("count", "sum", "sum_square"), ("frame_num", "mean_stat", "var_stat")):
        if {count, sums, squares} <= fields.keys():
            return from_sums(float(_numbers(fields[count])[0]), _numbers(fields[sums]), _numbers(fields[squares]))
    names = ", ".join(sorted(map(str, fields))[:8]) or "nothing"
    raise ConfigError(f"it has no mean and std, or count, sum and sum_square; it has {names}")


def _from_mean(mean: Any, fields: Mapping[str, Any]) -> Normalizer:
    for name in (*DEVIATIONS, *VARIANCES):
        if name in fields:
            numbers = _numbers(fields[name])
            std = np.sqrt(np.where(numbers > 0, numbers, 1.0)) if name in VARIANCES else numbers
            return Normalizer(mean=tuple(_numbers(mean).tolist()), std=tuple(std.tolist()))
    raise ConfigError(f"it has a mean, but no {', '.join((*DEVIATIONS, *VARIANCES))}")


def _numbers(value: Any) -> np.ndarray:
    """Return one number or a list of numbers as a list."""
    try:
        numbers = np.asarray(value, np.float64)
    except (TypeError, ValueError, OverflowError):
        raise ConfigError("a mean or a standard deviation is not a list of numbers") from None
    if numbers.ndim > 1:
        numbers = numbers.squeeze()
    if numbers.ndim > 1:
        raise ConfigError(f"a mean or a standard deviation has the shape {numbers.shape}, but must be a list")
    return numbers.reshape(-1)


def _from_matrix(matrix: np.ndarray) -> Normalizer:
    """Read sums and count, and sums of squares: the matrix of Kaldi's compute-cmvn-stats."""
    if matrix.ndim != 2 or matrix.shape[0] != 2 or matrix.shape[1] < 2:
        raise ConfigError(f"a matrix of shape {matrix.shape} is not of compute-cmvn-stats: (2, features + 1)")
    return from_sums(float(matrix[0, -1]), matrix[0, :-1], matrix[1, :-1])


def _from_network(data: bytes) -> Normalizer:
    """Read the shifts and factors of Kaldi's nnet1, as FunASR has them in ``am.mvn``."""
    found = {name: numbers.split() for name, numbers in _COMPONENT.findall(data)}
    if found.keys() != {b"AddShift", b"Rescale"}:
        raise ConfigError("it has no <AddShift> and <Rescale>")
    try:
        shifts, factors = [float(word) for word in found[b"AddShift"]], [float(word) for word in found[b"Rescale"]]
    except ValueError:
        raise ConfigError("<AddShift> or <Rescale> has a word that is not a number") from None
    if len(shifts) != len(factors):
        raise ConfigError(f"it has {len(shifts)} shifts, but {len(factors)} factors")
    period = _period(list(zip(shifts, factors, strict=True)))
    return Normalizer(
        mean=tuple(-shift for shift in shifts[:period]),
        std=tuple(1 / factor if factor else math.inf for factor in factors[:period]),
    )


def _period(values: list[tuple[float, float]]) -> int:
    """Return the number of values of one frame: FunASR stacks 5 or 7 frames, and repeats the values for each."""
    num_values = len(values)
    periods: list[int] = [1, *range(MIN_FEATURES, min(num_values // 2, MAX_FEATURES) + 1)]
    for period in periods:
        if num_values % period == 0 and values == values[:period] * (num_values // period):
            return period
    return num_values


_KINDS: dict[str, Callable[[bytes], Normalizers]] = {".npz": _from_npz, ".npy": _from_npy, ".json": _from_json}
