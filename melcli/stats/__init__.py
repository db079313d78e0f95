"""Statistics of stored features: moments, their combination, and the files in which programs read them."""
