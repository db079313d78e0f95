"""Find the config that made features from audio.

clip        -> the audio at the rates that it may have been read at
observation -> the features as logarithms, time first, and which of their values can be trusted
shapes      -> strides, paddings and lengths that the shape allows
likeness    -> how far a spectrum and its filters lie from the features, whatever logarithm or normalization came after
band_sums   -> mel powers of many bands at once, from one spectrum
descent     -> spectrum and filters, key by key
levels      -> logarithm, floor and normalization, in closed form
settling    -> the real core against the features, key by key
naming      -> the nearest named config, and the keys that cannot be told
search      -> all of it in order
"""
