"""Messages of ffmpeg 5.1.9."""

from __future__ import annotations

__all__ = ["INPUT", "MAPPING", "VIDEO"]

INPUT = """\
[info] ffmpeg version 5.1.9-0+deb12u1 Copyright (c) 2000-2026 the FFmpeg developers
[info]   built with gcc 12 (Debian 12.2.0-14+deb12u1)
[info] Input #0, mov,mp4,m4a,3gp,3g2,mj2, from 'file:/proc/self/fd/3':
[info]   Metadata:
[info]     major_brand     : M4A
[info]   Duration: 01:02:05.50, start: 0.000000, bitrate: 131 kb/s
[info]   Stream #0:0[0x1](und): Audio: aac (LC) (mp4a / 0x6134706D), 44100 Hz, stereo, fltp, 127 kb/s (default)
"""
MAPPING = """\
[info] Stream mapping:
[info]   Stream #0:0 -> #0:0 (aac (native) -> pcm_f32le (native))
[info] Output #0, wav, to 'pipe:1':
[info]   Stream #0:0(und): Audio: pcm_f32le ([3][0][0][0] / 0x0003), 44100 Hz, stereo, flt, 2822 kb/s (default)
"""
VIDEO = """\
[info]   Stream #0:1: Video: h264 (High), yuv420p, 64x64
[info]     Metadata:
[info]       DURATION        : 00:00:07.000000000
[info]   Stream #0:2(eng): Audio: vorbis, 44100 Hz, stereo, fltp
[info]     Metadata:
[info]       DURATION        : 00:00:05.250000000
"""
