"""From a file to signals: containers, decoding, channels, resampling."""
