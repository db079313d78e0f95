"""Outputs, manifest, journal, and the readers."""
