"""Earlier statistics that are added to those of OUTs."""

from __future__ import annotations

from collections.abc import Sequence

from melcli.config.config import Config
from melcli.config.stored import StoredConfig
from melcli.errors import ConfigError
from melcli.printable import printable
from melcli.run.stats.differences import different_configs
from melcli.stats.moments import Moments
from melcli.stats.saved import read_statistics

__all__ = ["read_saved"]


def read_saved(
    paths: Sequence[str], by: str | None, stored: StoredConfig | None, out: str
) -> tuple[Config, str, list[tuple[str | None, Moments]]]:
    """Read files of statistics, whose config must be that of the OUTs.

    Parameters
    ----------
    paths : sequence of str
        At least one without OUTs.
    by : str or None
        The column of the groups.
    stored : StoredConfig or None
        The config of the OUTs; None without one.
    out : str
        The first OUT, for messages.

    Returns
    -------
    config, config_id : Config, str
    pairs : list of (str or None, Moments)
        In an order that depends on the content only.

    Raises
    ------
    ConfigError
        A file cannot be read, or has another config or other groups.
    """
    every = [(path, read_statistics(path)) for path in paths]
    if stored is not None:
        config, config_id = stored.config, stored.config_id
    else:
        config, config_id, out = every[0][1].config, every[0][1].config_id, paths[0]
    for path, statistics in every:
        if statistics.config_id != config_id:
            raise different_configs(out, config, path, statistics.config)
        if by is not None and statistics.by != by:
            raise ConfigError(f"{printable(path)} has no groups of {printable(by)}", hint="make it again with --by")
    found = sorted((each for _, each in every), key=lambda each: _content(each.total))
    pairs: list[tuple[str | None, Moments]] = [(None, each.total) for each in found]
    if by is not None:
        pairs += [pair for each in found for pair in each.groups.items()]
    return config, config_id, pairs


def _content(total: Moments) -> tuple[int, int, float, bytes]:
    return total.items, total.frames, total.seconds, total.mean.tobytes()
