"""Explain configs: steps in words, equivalent calls of other libraries, differences, empty filters."""
