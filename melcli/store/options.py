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
        One file per item in a mirrored tree, or shards of many items.
    dtype : str
        Type of the stored numbers, whatever the type of the computation.
    shard_mb : int
        Approximate size of the features in one HDF5 shard, in megabytes (10**6 bytes) before compression.
    """

    format: Literal["npy", "hdf5"] = "npy"
    dtype: Literal["float32", "float16", "float64"] = "float32"
    shard_mb: int = 64

    def __post_init__(self) -> None:
        check_types(self)
        if self.shard_mb < 1:
            raise ConfigError(f"shard_mb={self.shard_mb} must be 1 or more", key="shard_mb")
