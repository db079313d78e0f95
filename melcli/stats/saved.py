"""Read the statistics that ``melcli stats -o FILE.npz`` wrote, to combine them with others."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from melcli.config.config import SECTIONS, Config
from melcli.errors import ConfigError
from melcli.normalizers.small_arrays import MAX_ARRAY_BYTES, read_npz
from melcli.opening import regular_only
from melcli.options import read_options
from melcli.printable import printable
from melcli.stats.moments import Moments
from melcli.stats.statistics import Statistics

__all__ = ["config_text", "is_saved", "read_statistics"]

_FIELDS = ("items", "frames", "seconds", "mean", "variance", "min", "max")
_DAMAGES = (KeyError, ValueError, TypeError, IndexError, OverflowError, RecursionError)


def config_text(config: Config) -> str:
    """Return the config as JSON, without the keys that change no numbers, so that it is the same for npy and HDF5."""
    plain = config.plain()
    return json.dumps({**plain, "output": {"dtype": plain["output"]["dtype"]}})


def read_statistics(path: str) -> Statistics:
    """Read a file.

    Raises
    ------
    ConfigError
        It cannot be read, or ``melcli stats`` did not write it.
    """
    where = printable(path)
    try:
        with open(path, "rb", opener=regular_only) as file:
            arrays = read_npz(file.read(MAX_ARRAY_BYTES))
        return _statistics(arrays)
    except OSError as error:
        raise ConfigError(f"{where}: cannot be read: {error.strerror}") from None
    except ConfigError as error:
        raise error.at(where) from None
    except _DAMAGES as error:
        raise ConfigError(
            f"{where}: melcli stats did not write it: {printable(str(error))}", hint="name an OUT of melcli extract"
        ) from None


def is_saved(path: str) -> bool:
    """Return whether an argument names such a file, by its extension."""
    return os.path.splitext(path)[1].lower() == ".npz"


def _statistics(arrays: Mapping[str, np.ndarray]) -> Statistics:
    sections: Any = json.loads(str(arrays["config"]))
    config = Config(**{name: read_options(cls, sections[name], name) for name, cls in SECTIONS.items()})
    groups: dict[str, Moments] = {}
    if "by" in arrays:
        columns = [arrays[f"group_{name}"] for name in _FIELDS]
        for name, *values in zip(arrays["groups"].tolist(), *columns, strict=True):
            groups[str(name)] = _moments(dict(zip(_FIELDS, values, strict=True)), config)
    return Statistics(
        config=config,
        config_id=str(arrays["config_id"]),
        total=_moments(arrays, config),
        by=str(arrays["by"]) if "by" in arrays else None,
        groups=groups,
    )


def _moments(fields: Mapping[str, Any], config: Config) -> Moments:
    frames = int(fields["frames"])
    mean, variance, low, high = (np.asarray(fields[name], np.float64) for name in ("mean", "variance", "min", "max"))
    if {each.shape for each in (mean, variance, low, high)} != {(config.features.num_features,)}:
        raise ValueError("its arrays do not fit its config")
    return Moments(
        items=int(fields["items"]),
        frames=frames,
        seconds=float(fields["seconds"]),
        mean=mean,
        squares=variance * frames,
        min=low,
        max=high,
    )
