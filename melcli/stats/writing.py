"""Write statistics to a file, in the format of its extension."""

from __future__ import annotations

import io
import json
import os
import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from melcli.errors import ConfigError
from melcli.normalizers.kaldi_matrices import encode_matrices
from melcli.printable import printable
from melcli.stats.moments import Moments
from melcli.stats.normalized_config import normalized_config
from melcli.stats.saved import config_text
from melcli.stats.statistics import SECONDS_PER_HOUR, Statistics
from melcli.store.files import write_file
from melcli.store.mean_scale import encode_mean_scale
from melcli.version import __version__

__all__ = ["EXTENSIONS", "refuse_format", "write_statistics"]

GLOBAL_KEY = "global"  # of the one matrix of an archive without groups


def write_statistics(statistics: Statistics, path: str) -> None:
    """Write a file atomically; the same statistics give the same bytes.

    Raises
    ------
    ConfigError
        The format cannot hold these statistics; see `refuse_format`.
    StorageError
        The file cannot be written.
    """
    refuse_format(path, statistics.by)
    write_file(os.path.abspath(path), [_FORMATS[_extension(path)](statistics)])


def refuse_format(path: str, by: str | None) -> None:
    """Raise `ConfigError` if the extension is unknown, or the format has no groups and ``by`` asks for them."""
    extension = _extension(path)
    if extension not in _FORMATS:
        raise ConfigError(f"{printable(path)} must end in {', '.join(EXTENSIONS)}")
    if by is not None and extension not in WITH_GROUPS:
        raise ConfigError(
            f"{printable(path)}: {extension} has no place for the groups of --by {printable(by)}",
            hint=f"write {', '.join(WITH_GROUPS)}",
        )


def _extension(path: str) -> str:
    return os.path.splitext(path)[1].lower()


def _yaml(statistics: Statistics) -> bytes:
    total = statistics.total
    made_by: dict[str, Any] = {
        "melcli": __version__,
        "statistics_of": statistics.config_id,
        "items": total.items,
        "frames": total.frames,
        "hours": total.seconds / SECONDS_PER_HOUR,
        **{name: getattr(total, name).tolist() for name in ("variance", "min", "max")},
        **{f"overall_{name}": value for name, value in total.overall.items()},
    }
    return normalized_config(statistics.config, total).to_yaml(made_by).encode()


def _json(statistics: Statistics) -> bytes:
    return (json.dumps(statistics.plain(), indent=1, allow_nan=False) + "\n").encode()


def _npz(statistics: Statistics) -> bytes:
    total = statistics.total
    arrays: dict[str, Any] = {
        "config_id": np.array(statistics.config_id),
        "config": np.array(config_text(statistics.config)),
        **_arrays([total], single=True),
        **{f"overall_{name}": np.float64(value) for name, value in total.overall.items()},
    }
    if statistics.by is not None:
        arrays |= {"by": np.array(statistics.by), "groups": np.array(list(statistics.groups))}
        arrays |= {f"group_{name}": each for name, each in _arrays(list(statistics.groups.values())).items()}
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def _arrays(every: list[Moments], *, single: bool = False) -> dict[str, Any]:
    names = ("items", "frames", "seconds", "mean", "std", "variance", "min", "max")
    arrays = {name: np.array([getattr(moments, name) for moments in every]) for name in names}
    return {name: array[0] for name, array in arrays.items()} if single else arrays


def _npy(statistics: Statistics) -> bytes:
    file = io.BytesIO()
    np.save(file, np.stack([statistics.total.mean, statistics.total.std]).astype(np.float32))
    return file.getvalue()


def _h5(statistics: Statistics) -> bytes:
    return encode_mean_scale(statistics.total.mean.astype(np.float32), statistics.total.std.astype(np.float32))


def _ark(statistics: Statistics) -> bytes:
    groups: Mapping[str, Moments] = {GLOBAL_KEY: statistics.total} if statistics.by is None else statistics.groups
    for name in groups:
        if not name or re.search(r"\s", name):
            raise ConfigError(f"{name!r} cannot be a key of Kaldi: a key has no spaces, and is not empty")
    return encode_matrices({name: _sums(moments) for name, moments in groups.items()})


def _sums(moments: Moments) -> np.ndarray:
    """Return sums and count, and sums of squares and 0, as compute-cmvn-stats does."""
    sums = moments.mean * moments.frames
    squares = moments.squares + moments.mean * sums
    return np.stack([np.append(sums, moments.frames), np.append(squares, 0.0)])


_FORMATS: Mapping[str, Callable[[Statistics], bytes]] = {
    ".yaml": _yaml,
    ".yml": _yaml,
    ".npz": _npz,
    ".json": _json,
    ".ark": _ark,
    ".npy": _npy,
    ".h5": _h5,
}
EXTENSIONS = tuple(_FORMATS)
WITH_GROUPS = (".npz", ".json", ".ark")
