"""Compare two sets of features, and explain their differences."""
