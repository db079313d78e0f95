"""Store outputs, manifest and journal under OUT, and read them."""
