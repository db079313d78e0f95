"""Sizes of the features of each item, from the headers of the inputs, for dividing items into HDF5 shards."""

from __future__ import annotations

import math
from collections.abc import Iterator

from melcli.mel.framing import count_output_frames
from melcli.run.batching import small_batches
from melcli.run.engines.contract import Engine
from melcli.run.headers import measure
from melcli.run.job import Job
from melcli.run.to_do import ToDo

__all__ = ["stored_bytes"]


def stored_bytes(job: Job, to_do: ToDo, engine: Engine, *, until_s: float = math.inf) -> Iterator[tuple[str, int]]:
    """Compute the sizes of the features of the items without a shard, in the workers.

    Parameters
    ----------
    job : Job
    to_do : ToDo
    engine : Engine
    until_s : float
        When to stop, by `time.monotonic`.

    Yields
    ------
    item_id : str
    size : int
        The size in bytes; 0 if the header cannot be read, so that the item fails during extraction.

    Raises
    ------
    TimeUp
        Not all headers are read by ``until_s``.
    """
    features, output = job.config.features, job.config.output
    frame_bytes = features.num_features * int(output.dtype.removeprefix("float")) // 8
    for measured in measure(job, small_batches(to_do, engine.workers, unplanned=True), engine, until_s):
        frames = count_output_frames(round(measured.duration_s * features.sampling_rate), features)
        yield measured.id, frames * frame_bytes * measured.num_outputs
