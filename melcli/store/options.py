"""Options of output: section ``output`` of a config."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from melcli.errors import ConfigError
from melcli.options import check_types

__all__ = ["OutputOptions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputOptions:
    """Section ``output`` of a config.

    Attributes
    ----------
    format : "npy" or "hdf5"
        One file for each item in a mirrored tree, or shards of many items.
    dtype : str
        Type of the stored numbers, whatever they were computed in.
    shard_mb : int
        About how many megabytes (10**6 bytes, before compression) of features one HDF5 shard holds.
    """

    format: Literal["npy", "hdf5"] = "npy"
    dtype: Literal["float32", "float16", "float64"] = "float32"
    shard_mb: int = 64

    def __post_init__(self) -> None:
        check_types(self)
        if self.shard_mb < 1:
            raise ConfigError(f"shard_mb={self.shard_mb} must be 1 or more", key="shard_mb")
