"""Extract parts of a recording like a worker: `python -m tests.run.many_parts N OUT FILE` prints the peak memory."""

from __future__ import annotations

import json
import os
import sys

from tests.run.one_batch import peak_mb

__all__: list[str] = []


def main(num_parts: str, out: str, source: str) -> None:
    from melcli.config.resolve import resolve_config
    from melcli.run.batching import Batch
    from melcli.run.job import Job
    from melcli.run.process_batch import run_batch
    from melcli.sources.bounds import Bounds
    from melcli.sources.items import Item

    config = resolve_config("keras", sets=("sampling_rate=8000", "num_mel_bins=20"))
    os.makedirs(out)
    whole = Item.from_stat("", source, os.stat(source))
    count = int(num_parts)
    bounds = [Bounds(start_s=number * 500 / count, end_s=number * 500 / count + 1.0) for number in range(count)]
    items = tuple(whole._replace(id=f"p{number:04}", bounds=one.to_json()) for number, one in enumerate(bounds))
    outcome = run_batch((Job(out=out, config=config, config_id=config.config_id), Batch(items=items)))
    print(json.dumps({"peak_mb": peak_mb(), "num_ok": outcome.tally.done}))


if __name__ == "__main__":
    main(*sys.argv[1:])
