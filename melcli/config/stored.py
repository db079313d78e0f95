"""The config and versions that OUT was made with, as melcli.yaml records them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from melcli.config.config import MADE_BY, Config
from melcli.config.resolve import resolve_config
from melcli.config.yaml_document import MAX_BYTES, read_document
from melcli.errors import ConfigError
from melcli.opening import regular_nofollow
from melcli.printable import printable
from melcli.store.layout import CONFIG_FILE
from melcli.version import __version__

__all__ = ["StoredConfig", "read_stored_config"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredConfig:
    """What melcli.yaml holds.

    Attributes
    ----------
    config : Config
        The config.
    config_id : str
        As it is written there; that of ``config`` may be another one where another melcli wrote it.
    versions : Mapping of str to str
        Of what made the numbers: ``melcli``, ``numpy``, ...
    """

    config: Config
    config_id: str
    versions: Mapping[str, str]


def read_stored_config(out: str) -> StoredConfig:
    """Read melcli.yaml.

    Raises
    ------
    ConfigError
        It is missing, no config, or says another ``config_id`` than its own values have.
    """
    path = os.path.join(".", out, CONFIG_FILE)
    where = printable(os.path.join(out, CONFIG_FILE))
    try:
        with open(path, "rb", opener=regular_nofollow) as file:
            text = file.read(MAX_BYTES + 1).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigError(f"{where}: cannot be read: not UTF-8") from None
    except OSError as error:
        raise ConfigError(f"{where}: cannot be read: {error.strerror}") from None
    made_by = {
        key.partition(".")[2]: str(setting.value)
        for key, setting in read_document(text, where).items()
        if key.startswith(f"{MADE_BY}.")
    }
    config = resolve_config(path)
    config_id = made_by.pop("config_id", "")
    if made_by.get("melcli") == __version__ and config_id != config.config_id:
        raise ConfigError(f"{where}: its values have config_id {config.config_id}, not {config_id or 'none'}")
    return StoredConfig(config=config, config_id=config_id, versions=made_by)
