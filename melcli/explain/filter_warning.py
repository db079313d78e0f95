"""Warnings about a valid config, such as empty filters."""

from __future__ import annotations

from melcli.config.config import Config
from melcli.config.named_configs import config_name
from melcli.config.resolve import resolve_config
from melcli.mel.empty_filters import describe_empty_filters

__all__ = ["remark_on_filters"]


def remark_on_filters(name_or_file: str, config: Config) -> str:
    """Say which filters are empty; a warning, unless they are so in the front end that a named config restates.

    Parameters
    ----------
    name_or_file : str
        What the config was resolved from.
    config : Config

    Returns
    -------
    remark : str
        It opens with ``warning:`` or ``note:``; empty where no filter is.
    """
    said = describe_empty_filters(config.features)
    if not said:
        return ""
    name = config_name(name_or_file)
    if name is not None and resolve_config(name).features == config.features:
        return f"note: as in the original of {name}, {said}"
    return f"warning: {said}"
