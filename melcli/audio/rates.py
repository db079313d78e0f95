"""The range of valid sampling rates."""

from __future__ import annotations

from melcli.errors import AudioError

__all__ = ["MAX_RATE_HZ", "MAX_RATIO", "MIN_RATE_HZ", "check_rate", "check_ratio"]

MIN_RATE_HZ = 1
MAX_RATE_HZ = 768_000  # the highest rate of commercial converters; soxr returns 0 samples near 2**31
# A header that was damaged to 1 Hz would turn a second of audio into hours.  Also, soxr did not finish converting
# 1 Hz to 768 kHz within 11 minutes.
MAX_RATIO = 1024


def check_rate(rate_hz: int) -> None:
    """Raise `AudioError` unless a rate is between 1 Hz and 768 kHz."""
    if not MIN_RATE_HZ <= rate_hz <= MAX_RATE_HZ:
        raise AudioError("bad_rate", f"the sampling rate of {rate_hz} Hz is not in 1 to {MAX_RATE_HZ} Hz")


def check_ratio(source_hz: int, target_hz: int) -> None:
    """Raise `AudioError` when two rates are more than a factor of 1024 apart."""
    if max(source_hz, target_hz) > MAX_RATIO * min(source_hz, target_hz):
        raise AudioError(
            "bad_rate", f"the sampling rates {source_hz} Hz and {target_hz} Hz differ by more than {MAX_RATIO} times"
        )
