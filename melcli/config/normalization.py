"""The keys ``mean`` and ``std`` as the path of a file, which is replaced by the numbers in it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from melcli.config.yaml_document import Setting
from melcli.errors import ConfigError
from melcli.printable import printable

__all__ = ["NORMALIZED_KEYS", "CONFIGS", "is_path", "numbers_of", "with_numbers"]

NORMALIZED_KEYS = ("mean", "std")
CONFIGS = (".yaml", ".yml")
ReadSettings = Callable[[Path], Mapping[str, Setting]]


def is_path(value: Any) -> bool:
    """Return whether a value names a file: a text with a dot or a slash, which no word of these keys has."""
    return isinstance(value, str) and ("." in value or os.sep in value)


def with_numbers(settings: dict[str, Setting], folder: Path, read_settings: ReadSettings) -> dict[str, Setting]:
    """Return settings in which ``features.mean`` and ``features.std`` are numbers instead of paths.

    Parameters
    ----------
    settings : dict of str to Setting
    folder : Path
        Where relative paths begin.
    read_settings : callable
        Reads a YAML config with its bases.

    Raises
    ------
    ConfigError
        A file cannot be read, or has no such numbers; the message begins with the origin of the key.
    """
    changed = {}
    for key in NORMALIZED_KEYS:
        setting = settings.get(f"features.{key}")
        if setting is not None and is_path(setting.value):
            try:
                numbers = numbers_of(folder / setting.value, key, read_settings)
            except ConfigError as error:
                raise error.at(setting.origin) from None
            changed[f"features.{key}"] = Setting(numbers, f"{setting.origin} ({printable(setting.value)})")
    return {**settings, **changed}


def numbers_of(path: Path, key: str, read_settings: ReadSettings) -> Any:
    """Return the value of ``mean`` or ``std`` in a file: one number, or a list with one for each feature.

    Raises
    ------
    ConfigError
        The file cannot be read, or has no such numbers.
    """
    if path.suffix.lower() in CONFIGS:
        found = read_settings(path).get(f"features.{key}")
        if found is None or isinstance(found.value, str):
            raise ConfigError(f"{printable(str(path))}: it has no numbers for features.{key}")
        return found.value
    from melcli.normalizers.reading import read_normalizers  # late: it imports NumPy

    found_numbers = read_normalizers(path)
    try:
        values = getattr(found_numbers.single(), key)
    except ConfigError as error:
        raise error.at(printable(str(path))) from None
    return values[0] if len(values) == 1 else list(values)
