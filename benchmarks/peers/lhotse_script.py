"""Kaldi's filterbank of a folder with lhotse: python lhotse_script.py IN OUT JOBS batch|jobs.

``batch`` is `compute_and_store_features_batch`: workers read, the main process computes on as many threads.
``jobs`` is `compute_and_store_features`: as many processes do all, on one thread each.
"""

import logging
import sys
import warnings
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import torch
from lhotse import CutSet, Fbank, FbankConfig, NumpyFilesWriter, RecordingSet

warnings.simplefilter("ignore")
logging.disable(logging.WARNING)


def main(folder: Path, out: Path, jobs: int, mode: str) -> None:
    out.mkdir(parents=True)
    recordings = RecordingSet.from_dir(folder, "*.flac", num_jobs=jobs)
    cuts = CutSet.from_manifests(recordings=recordings)
    extractor, storage = Fbank(FbankConfig(sampling_rate=16_000)), out / "features"
    if mode == "batch":
        torch.set_num_threads(jobs)
        done = cuts.compute_and_store_features_batch(
            extractor, storage, num_workers=jobs, storage_type=NumpyFilesWriter, overwrite=True
        )
    else:
        torch.set_num_threads(1)
        with ProcessPoolExecutor(jobs) as executor:
            done = cuts.compute_and_store_features(
                extractor, storage, num_jobs=jobs, storage_type=NumpyFilesWriter, executor=executor
            )
    done.to_file(out / "cuts.jsonl")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
