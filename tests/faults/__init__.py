"""Faults provoked on purpose, in loops: one round of each by default, a few with `--all`, thousands with `-m soak`."""
