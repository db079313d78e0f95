"""The refusal of statistics over features of different configs."""

from __future__ import annotations

from melcli.config.config import Config
from melcli.errors import ConfigError
from melcli.printable import printable

__all__ = ["different_configs"]


def different_configs(name: str, config: Config, other_name: str, other: Config) -> ConfigError:
    """Return an error that names the keys in which two configs differ."""
    keys = [f"{difference.replace('OUT ', '')}" for difference in config.differences(other)]
    return ConfigError(
        f"{printable(name)} and {printable(other_name)} have different configs: "
        f"{'; '.join(keys) or 'they are of other versions of melcli'}"
    )
