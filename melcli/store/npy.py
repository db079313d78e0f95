"""One ``.npy`` file for each item, in a tree that mirrors the inputs'."""

from __future__ import annotations

import io

import numpy as np

from melcli.store.files import StagedFiles
from melcli.store.layout import npy_name
from melcli.store.placement import Placement

__all__ = ["NpySink"]


class NpySink:
    """Writes each array as it comes; the files of a batch get their names together."""

    def __init__(self, out: str) -> None:
        self._files = StagedFiles(out)
        self._placed: dict[str, Placement] = {}

    def put(self, item_id: str, features: np.ndarray) -> None:
        """Take the features of one item."""
        name = npy_name(item_id)
        size = self._files.add(name, [_header(features), features.data])
        self._placed[item_id] = Placement(path=name, output_size=size)

    def commit(self) -> dict[str, Placement]:
        """Make all that was put appear; return where it is, by id."""
        self._files.commit()
        return self._placed

    def discard(self) -> None:
        """Leave nothing of what was not committed."""
        self._files.discard()


def _header(features: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, np.lib.format.header_data_from_array_1_0(features))
    return stream.getvalue()
