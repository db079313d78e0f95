"""How many bytes the features of each item will take, by the headers of the inputs: what HDF5 shards are cut by."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future

from melcli.mel.geometry import count_output_frames
from melcli.run.batches import Batch, small_batches
from melcli.run.calls import measure_batch
from melcli.run.engines.contract import BatchLost, Engine
from melcli.run.job import Job, Measured
from melcli.sources.items import Item

__all__ = ["stored_bytes"]

BATCHES_PER_WORKER = 2


def stored_bytes(job: Job, items: Sequence[Item], engine: Engine) -> dict[str, int]:
    """Measure items in the workers.

    Parameters
    ----------
    job : Job
    items : sequence of Item
    engine : Engine

    Returns
    -------
    sizes : dict of str to int
        By id; 0 where a header cannot be read: such an item fails when it is extracted.
    """
    features, output = job.config.features, job.config.output
    frame_bytes = features.num_features * int(output.dtype.removeprefix("float")) // 8
    sizes = dict.fromkeys((item.id for item in items), 0)
    for measured in _measure(job, small_batches(items, engine.workers), engine):
        for one in measured:
            frames = count_output_frames(round(one.duration_s * features.sampling_rate), features)
            sizes[one.id] = frames * frame_bytes * one.num_outputs
    return sizes


def _measure(job: Job, batches: Iterable[Batch], engine: Engine) -> Iterator[Sequence[Measured]]:
    """Keep the workers busy with a few batches at a time, so that memory does not grow with the corpus."""
    waiting: deque[Future[list[Measured]]] = deque()
    for batch in batches:
        waiting.append(engine.submit(measure_batch, (job, batch), timeout_s=batch.timeout_s))
        if len(waiting) >= BATCHES_PER_WORKER * engine.workers:
            yield _outcome(waiting.popleft())
    while waiting:
        yield _outcome(waiting.popleft())


def _outcome(future: Future[list[Measured]]) -> Sequence[Measured]:
    try:
        return future.result()
    except BatchLost:
        return ()
