"""A blind test of `melcli identify`: settings of real packages, drawn from a seed, on clips that it has never seen.

``python -m benchmarks.blind.make FOLDER --seed N`` draws the set, in an environment with the packages;
``python -m benchmarks.blind.score FOLDER`` asks `melcli identify` and holds its answers against second clips.
docs/identify.md reports every run for the record.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # PyTorch's threads spin while other programs use the cores
