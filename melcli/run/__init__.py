"""A run: plan, workers, batches, report."""
