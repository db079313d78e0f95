"""Process one batch as a worker does, and print the peak memory: `python -m tests.run.one_batch SOURCE OUT`.

It is a separate process, so that nothing else has used memory in it.  The peak is read from /proc, because that of
getrusage includes the parent process.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

__all__: list[str] = []


def peak_mb() -> float:
    """Return the peak memory of this process."""
    (peak_kb,) = re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(peak_kb) / 1000


def main(source: str, out: str, *sets: str) -> None:
    from melcli.config.resolve import resolve_config
    from melcli.run.batching import Batch, planned_shard
    from melcli.run.job import Job
    from melcli.run.process_batch import run_batch
    from melcli.sources.items import Item
    from melcli.store.rows import OkRow, Row, row_of

    config = resolve_config("keras", sets=sets)
    Path(out).mkdir(parents=True, exist_ok=True)  # created by a run; a worker does not recreate a removed OUT
    items = (Item.from_stat("a", source, Path(source).stat()),)
    batch = Batch(items=items, shard=planned_shard(0, items) if config.output.format == "hdf5" else None)
    outcome = run_batch((Job(out=out, config=config, config_id=config.config_id), batch))
    rows = [row if isinstance(row, Row) else row_of(json.loads(row.text)) for row in outcome.rows]
    row = rows[0]  # all are equal: one for each channel
    told = {
        "num_frames": row.num_frames if isinstance(row, OkRow) else None,
        "status": row.status,
        "reason": row.reason,
        "num_rows": len(outcome.rows),
    }
    print(json.dumps({"peak_mb": peak_mb(), **told}))


if __name__ == "__main__":
    main(*sys.argv[1:])
