"""The second decoder: ffmpeg, one process for each file."""
