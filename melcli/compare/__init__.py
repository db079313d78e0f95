"""How far apart two sets of features are, and what explains it."""
