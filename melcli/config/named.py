"""The configs that travel with melcli, found by name.

They stand in ``configs/`` at the top of a checkout and in ``melcli/configs/`` in an installed wheel.
"""

from __future__ import annotations

from pathlib import Path

from melcli.errors import ConfigError
from melcli.options import nearest

__all__ = ["config_description", "config_path", "display_path", "named_configs"]


def named_configs() -> dict[str, Path]:
    """Return the files of all named configs by name, sorted by family and name.

    Raises
    ------
    ConfigError
        The folder of configs is not there: a broken installation.
    """
    return {path.stem: path for path in sorted(_folder().rglob("*.yaml"))}


def config_path(name_or_file: str, *, beside: Path | None = None) -> Path:
    """Find a config by name, or as a file.

    Parameters
    ----------
    name_or_file : str
        What ends in ``.yaml`` or ``.yml`` or holds a slash is a file, all else a name.
    beside : Path, optional
        The folder that a relative path starts from; the working directory by default.

    Raises
    ------
    ConfigError
        Neither; with the nearest name.
    """
    if name_or_file.endswith((".yaml", ".yml")) or "/" in name_or_file:
        return (beside or Path()) / name_or_file
    configs = named_configs()
    if name_or_file not in configs:
        raise ConfigError(f"no config is called {name_or_file!r}; {nearest(name_or_file, configs)}")
    return configs[name_or_file]


def display_path(path: Path) -> str:
    """Write a path as users know it: that of a named config from ``configs/`` on, any other as it was given."""
    folder = _folder()
    return str(path.relative_to(folder.parent)) if path.is_relative_to(folder) else str(path)


def config_description(path: Path) -> str:
    """Return what a config's first comment says."""
    with open(path, encoding="utf-8") as file:
        first = file.readline()
    return first.removeprefix("#").strip() if first.startswith("#") else ""


def _folder() -> Path:
    package = Path(__file__).resolve().parent.parent
    for folder in (package / "configs", package.parent / "configs"):
        if folder.is_dir():
            return folder
    raise ConfigError(f"no named configs beside {package}; is melcli installed whole?")
