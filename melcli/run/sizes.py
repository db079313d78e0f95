"""Sizes of the features of each item, from the headers of the inputs, for cutting HDF5 shards."""

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
    """Measure the items that are in no shard, in the workers.

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
        0 where a header cannot be read: such an item fails when it is extracted.

    Raises
    ------
    TimeUp
        It is not done by then.
    """
    features, output = job.config.features, job.config.output
    frame_bytes = features.num_features * int(output.dtype.removeprefix("float")) // 8
    for one in measure(job, small_batches(to_do, engine.workers, unplanned=True), engine, until_s):
        frames = count_output_frames(round(one.duration_s * features.sampling_rate), features)
        yield one.id, frames * frame_bytes * one.num_outputs
