"""Tables of recordings and pieces: CSV, TSV, ``|`` lists, space-separated lists and JSON lines."""
