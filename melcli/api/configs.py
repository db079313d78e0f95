"""Load a config from Python: `load_config`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from melcli.config.config import SECTIONS, Config
from melcli.config.normalization import NORMALIZED_KEYS, with_numbers
from melcli.config.resolve import read_settings, resolve_config
from melcli.config.yaml_document import Setting
from melcli.options import key_types, read_options, to_plain
from melcli.unknown_keys import refuse_unknown

__all__ = ["as_config", "load_config"]

HERE = "load_config"


def load_config(name_or_path: str | os.PathLike[str] = "keras", **keys: Any) -> Config:
    """Load a named config or a YAML file.

    Parameters
    ----------
    name_or_path : str or path
        The name of a config or its alias, as for ``melcli extract -c``; or a YAML file, such as the ``melcli.yaml`` of
        an OUT.  A string is a file if it ends in ``.yaml`` or ``.yml`` or contains a slash; a path object always is.
    **keys
        Keys of the config with other values, such as ``num_mel_bins=64`` or ``format="hdf5"``.

    Returns
    -------
    config : Config
        All keys, checked.  Environment variables such as ``MELCLI_FEATURES_NUM_MEL_BINS`` are not read.

    Raises
    ------
    ConfigError
        There is no such config, or a key or value breaks a rule.

    Examples
    --------
    >>> config = load_config("whisper", num_mel_bins=128)
    >>> config.features.num_mel_bins, config.features.sampling_rate
    (128, 16000)
    """
    path = os.fspath(name_or_path)
    if not isinstance(name_or_path, str):
        path = os.path.join(".", path)  # a file, whatever its name
    config = resolve_config(path)
    return _with_keys(config, keys) if keys else config


def as_config(config: str | os.PathLike[str] | Config) -> Config:
    """Return a config as it is, or load it."""
    return config if isinstance(config, Config) else load_config(config)


def _with_numbers(keys: Mapping[str, Any]) -> Mapping[str, Any]:
    """Replace the path of a file with means and deviations by its numbers."""
    settings = {f"features.{key}": Setting(value, HERE) for key, value in keys.items() if key in NORMALIZED_KEYS}
    found = with_numbers(settings, Path(), read_settings)
    return {**keys, **{key.partition(".")[2]: setting.value for key, setting in found.items()}}


def _with_keys(config: Config, keys: Mapping[str, Any]) -> Config:
    known = [key for cls in SECTIONS.values() for key in key_types(cls)]
    for key in keys:
        refuse_unknown(key, known, HERE)
    keys = _with_numbers(keys)
    changed = {}
    for section, cls in SECTIONS.items():
        given = {key: value for key, value in keys.items() if key in key_types(cls)}
        if given:
            changed[section] = read_options(cls, {**to_plain(getattr(config, section)), **given}, HERE)
    origins = {f"{section}.{key}": HERE for section, cls in SECTIONS.items() for key in keys if key in key_types(cls)}
    return replace(config, **changed, origins={**config.origins, **origins})
