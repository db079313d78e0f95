"""Open the features of an OUT from Python: `open_features`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from melcli.config.normalization import CONFIGS, NORMALIZED_KEYS, numbers_of
from melcli.config.resolve import read_settings
from melcli.config.stored import read_stored_config
from melcli.errors import ConfigError
from melcli.normalizers.normalizer import Normalizer, Normalizers
from melcli.normalizers.reading import read_normalizers
from melcli.printable import printable
from melcli.store import reader
from melcli.store.reader import Features
from melcli.store.rows import OkRow

__all__ = ["open_features"]

Pair = tuple[ArrayLike, ArrayLike]


def open_features(
    out: str | os.PathLike[str],
    *,
    normalize: str | os.PathLike[str] | Pair | None = None,
    normalize_by: str | None = None,
) -> Features:
    """Open the features that ``melcli extract -o OUT`` wrote.

    Parameters
    ----------
    out : path
        OUT.
    normalize : path or pair, optional
        Return ``(x - mean) / std`` of the stored type, computed in float64: with the numbers in a file of ``melcli
        stats``, or in another file that ``melcli extract --normalize`` takes; or with a mean and a deviation, each
        one number, or one for each feature.  A file with groups, such as those of ``melcli stats --by speaker``,
        normalizes each item with the numbers of its group.
    normalize_by : str, optional
        The carried column that names an item's group; by default the one that the file was made with.

    Returns
    -------
    features : Features
        A mapping from id to array, sorted by the bytes of the ids.  It contains all items that are ``ok`` and have the
        config of OUT's melcli.yaml.  OUT may still contain features of an earlier config, for inputs that no longer
        existed when everything was recomputed.

    Raises
    ------
    StorageError
        There is no manifest, it cannot be read, or no item has the config of melcli.yaml.  Damage inside a row that
        begins and ends correctly is found when its item is read.
    ConfigError
        ``normalize`` has no means and deviations, or other numbers of them than OUT has features.  If it has no numbers
        for the group of an item, reading that item raises it.

    Examples
    --------
    >>> import tempfile
    >>> from melcli.api.extract import extract
    >>> with tempfile.TemporaryDirectory() as out:
    ...     report = extract("sample_audio/speech", out, config="kaldi_80", jobs=1)
    ...     features, plain = open_features(out, normalize=(15.0, 4.0)), open_features(out)
    ...     name = next(iter(features))
    ...     print(bool((features[name] == (plain[name] - 15.0) / 4.0).all()))
    True
    """
    if normalize is None:
        if normalize_by is not None:
            raise ConfigError("normalize_by needs normalize")
        return reader.open_features(out)
    found = _normalizers(normalize)
    by = normalize_by or found.by
    options = read_stored_config(os.fspath(out)).config.features
    for normalizer in (found.total, *found.groups.values()):
        if normalizer is not None and len(normalizer.mean) not in (1, options.num_features):
            raise ConfigError(
                f"{_name(normalize)} has {len(normalizer.mean)} means, but {printable(os.fspath(out))} has "
                f"{options.num_features} features"
            )
    if normalize_by is not None and not found.groups:
        raise ConfigError(f"{_name(normalize)} has no groups, so normalize_by={normalize_by!r} has no effect")
    groups = found.groups if by is not None else {}
    try:
        total = None if groups else found.single()
    except ConfigError as error:
        hint = "name the column of the entries with normalize_by"
        raise ConfigError(f"{_name(normalize)}: {error.problem}", hint=hint) from None
    features = reader.open_features(out)
    features.transform = _Normalize(total, groups, by, options.time_axis, _name(normalize))
    return features


@dataclass(frozen=True, slots=True)
class _Normalize:
    """Normalizes an item of a row."""

    total: Normalizer | None
    groups: Mapping[str, Normalizer]
    by: str | None
    time_axis: int
    name: str

    def __call__(self, row: OkRow, features: np.ndarray) -> np.ndarray:
        return (self.total or self._of_group(row)).apply(features, self.time_axis)

    def _of_group(self, row: OkRow) -> Normalizer:
        name = row.group(self.by or "")
        if name is None or name not in self.groups:
            problem = "has no such column" if name is None else f"is {name!r}, of which {self.name} has no numbers"
            raise ConfigError(printable(f"{row.id}: {self.by} {problem}"))
        return self.groups[name]


def _normalizers(normalize: Any) -> Normalizers:
    if isinstance(normalize, str | os.PathLike):
        path = Path(normalize)
        if path.suffix.lower() not in CONFIGS:
            return read_normalizers(path)
        normalize = [numbers_of(path, key, read_settings) for key in NORMALIZED_KEYS]
    try:
        mean, std = (np.asarray(numbers, np.float64).reshape(-1) for numbers in normalize)
        mean, std = np.broadcast_arrays(mean, std)
    except (TypeError, ValueError):
        raise ConfigError("normalize must be a file, or a pair of mean and standard deviation") from None
    return Normalizers(total=Normalizer(mean=tuple(mean.tolist()), std=tuple(std.tolist())))


def _name(normalize: Any) -> str:
    return printable(os.fspath(normalize)) if isinstance(normalize, str | os.PathLike) else "normalize"
