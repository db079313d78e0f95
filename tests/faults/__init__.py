"""Faults provoked on purpose, in loops: a few rounds of each in every test run, thousands with ``-m soak``."""
