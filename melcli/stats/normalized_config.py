"""The config of features that are normalized with statistics."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from melcli.config.config import Config
from melcli.errors import ConfigError
from melcli.stats.moments import Moments

__all__ = ["normalized_config"]


def normalized_config(config: Config, total: Moments) -> Config:
    """Return a config whose features are those of ``config``, normalized with their statistics.

    Raises
    ------
    ConfigError
        ``config`` normalizes each file by its own statistics, or clips: then no constants do the same.
    """
    features = config.features
    for key, own in (("mean", features.mean), ("std", features.std)):
        if isinstance(own, str):
            raise ConfigError(
                f"the features have {key}={own}: they are already normalized, each file by its own statistics",
                hint="write another format, such as stats.npz, or extract without it",
            )
    if features.clip is not None:
        raise ConfigError(
            f"the features have clip={list(features.clip)}, which acts after mean and std", hint="write stats.npz"
        )
    # y = (x - mean) / (std + std_eps) was measured, and (y - m) / s is wanted.
    divisor = np.asarray(features.std, np.float64) + features.std_eps
    mean = np.asarray(features.mean, np.float64) + total.mean * divisor
    std = total.std * divisor
    normalized = replace(features, mean=tuple(mean.tolist()), std=tuple(std.tolist()), std_eps=0.0)
    return replace(config, features=normalized)
