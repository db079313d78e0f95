"""Sets of features in memory."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from melcli.errors import StorageError

__all__ = ["Memory"]


class Memory:
    """Arrays by id; None means that an array cannot be read."""

    def __init__(self, arrays: Mapping[str, np.ndarray | None], *, time_axis: int | None = None, alone: bool = False):
        self._arrays = arrays
        self._time_axis = time_axis
        self.ids = sorted(arrays)
        self.unreadable: dict[str, str] = {}
        self.is_one_array = alone

    def read(self, item_id: str) -> np.ndarray:
        array = self._arrays[item_id]
        if array is None:
            raise StorageError(f"{item_id} cannot be read: damaged")
        return array

    def time_axis(self, item_id: str, shape: tuple[int, ...]) -> int | None:
        return self._time_axis

    def close(self) -> None:
        pass
