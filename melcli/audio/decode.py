"""Decode a file in blocks, and check that all of it was decoded.

* ``frames`` of libsndfile is a claim: 2**63 - 1 for a FLAC that was written into a pipe, and whatever a damaged header
  says.  Nothing is allocated by it.  What is beyond it is not decoded.
* Cut WAV, MP3 and Ogg files decode short without an error: `melcli.audio.containers` reads what the containers say.
  A damaged page of Vorbis or Opus is dropped without an error; then less than the claim comes out.
* An MP3 without a Xing tag stops at a guess of its length: see `melcli.audio.mpeg_views`.  In a WAV, MP3 is
  refused, because the same happens there.
* Over a damaged frame header of an MP3 mpg123 passes, or it stops there, without an error: then less comes out than a
  Xing tag claims.
* MP3 files of LAME come out without the encoder's delay and padding, sample for sample as long as what went in; others
  with them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from types import TracebackType
from typing import Literal

import numpy as np

from melcli.audio import flac, mpeg, ogg
from melcli.audio.containers import examine
from melcli.audio.decoder import UNKNOWN_LENGTH, Decoder
from melcli.audio.ending import Ending, Read
from melcli.audio.flac import FlacEnding
from melcli.audio.formats import is_misnamed, true_container
from melcli.audio.mpeg import MpegEnding
from melcli.audio.ogg import OggEnding
from melcli.audio.rates import check_rate
from melcli.audio.refusal import unsupported_coding
from melcli.audio.regular import RegularFile, open_regular
from melcli.audio.scan import Scan
from melcli.audio.views import other_views, views
from melcli.errors import AudioError

__all__ = ["BLOCK_SAMPLES", "AudioFile", "measure"]

BLOCK_SAMPLES = 32_768  # over all channels; an eighth of it costs FLAC 10 to 16 %, twice as much gains 1 %

# A FLAC frame of silence holds 65,535 samples in 13 bytes; no other format comes near.
_MAX_SAMPLES_PER_BYTE = 8192


class AudioFile:
    """An audio file that is read once, from its beginning to its end.

    Parameters
    ----------
    path : str
        May hold surrogate escapes, for names that are not UTF-8.
    dtype : "float32" or "float64"
        Of the blocks.  Integers are scaled so that full scale is +-1.
    truncated : "fail" or "keep"
        With ``keep``, a file that ends early gives what can be decoded, and has the flag ``truncated``.
    opus_rate : "header" or 48000
        See `melcli.audio.options.AudioOptions`.

    Attributes
    ----------
    sampling_rate : int
        In Hz.
    num_channels : int
    format : str
        Container and coding as libsndfile calls them, in lower case: ``wav/pcm_16``, ``ogg/vorbis``.
    claimed_samples : int or None
        Samples per channel by the header.  None when the header leaves it open or claims more than the file can hold.
    num_samples : int
        Decoded so far, per channel.
    flags : tuple of str
        Sorted; complete when `blocks` is exhausted.  ``clipped`` and ``silent``: see `melcli.audio.scan.Scan`.
        ``misnamed``: the name's ending is that of another format.  ``truncated_header``: the header leaves the
        length open, so that a missing end cannot be told, or claims less than what follows it.  ``truncated``: it
        ends early, and was to be kept.

    Raises
    ------
    AudioError
        On opening: ``vanished``, ``unreadable``, ``empty``, ``unsupported_format``, ``truncated``, ``bad_rate``; while
        decoding: ``truncated``, ``nonfinite``, ``empty`` (no samples), ``unreadable`` (damaged).
    MemoryError
        libsndfile ran out of memory.
    OSError
        This process ran out of file descriptors or memory; the file is not to blame.
    """

    def __init__(
        self,
        path: str,
        *,
        dtype: Literal["float32", "float64"] = "float32",
        truncated: Literal["fail", "keep"] = "fail",
        opus_rate: Literal["header", 48000] = "header",
    ) -> None:
        self._keep = truncated == "keep"
        self._shortfall = ""
        with ExitStack() as opened:
            self._raw = opened.enter_context(open_regular(path))
            if not self._raw.size:  # not read at all: files of /proc have no size either, and some wait for ever
                raise AudioError("empty", "the file has 0 bytes")
            self._ending = examine(self._raw.read_at, self._raw.size)
            if isinstance(self._ending, MpegEnding):
                self._ending = mpeg.follow(self._raw.read_at, self._ending)
            if self._ending is not None and self._ending.shortfall and not self._ending.undecoded:
                self._end_early(self._ending.shortfall)
            self._decoder = decoder = opened.enter_context(_open_decoder(self._raw, self._ending, opus_rate))
            self.sampling_rate = decoder.sampling_rate
            check_rate(self.sampling_rate)
            self.num_channels = decoder.num_channels
            container = true_container(decoder.container, self._ending.format if self._ending else "")
            self.format = f"{container}/{decoder.coding}".lower()
            self.claimed_samples = _claimed_samples(decoder, self._raw.size)
            self._dtype = dtype
            self._scan = Scan(self.num_channels)
            self._misnamed = is_misnamed(path, container)
            self._opened = opened.pop_all()

    def __enter__(self) -> AudioFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened.close()

    @property
    def num_samples(self) -> int:
        """Samples decoded so far, per channel."""
        return self._scan.num_samples

    @property
    def flags(self) -> tuple[str, ...]:
        """What is worth knowing of a file that is not an error, sorted."""
        found = {
            "clipped": self._scan.clipped,
            "misnamed": self._misnamed,
            "silent": self._scan.silent,
            "truncated": bool(self._shortfall),
            "truncated_header": self._ending is not None and self._ending.open_ended,
        }
        return tuple(name for name, holds in found.items() if holds)

    def blocks(self) -> Iterator[np.ndarray]:
        """Decode to the end.

        Yields
        ------
        block : np.ndarray [shape=(samples, channels)]
            At least one sample and at most `BLOCK_SAMPLES` over all channels; finite, C-contiguous, the caller's own.

        Raises
        ------
        AudioError
            At the latest after the last block: what came before is not to be used then.
        """
        most = max(1, BLOCK_SAMPLES // self.num_channels)
        try:
            for block in self._decoder.blocks(self._dtype, most):
                self._scan.add(block)
                if not self._scan.num_nonfinite:  # from there on the rest is only counted
                    yield block
        except AudioError as error:
            self._check_frames(every_byte=True)  # libFLAC stops where the number of channels changes
            if error.reason != "truncated":
                is_damage = error.message.startswith("the audio is damaged")  # and no failure to read
                place = self._place_of_damage() if is_damage else ""
                raise AudioError(error.reason, place) if place else error from error.__cause__
            self._end_early(error.message)
        self._check_end()

    def _end_early(self, shortfall: str) -> None:
        """Refuse a file that ends early, or remember it."""
        if not self._keep:
            raise AudioError("truncated", shortfall)
        self._shortfall = self._shortfall or shortfall

    def _check_end(self) -> None:
        scan = self._scan
        scan.refuse_nonfinite(self.sampling_rate)
        if self._is_short():
            claim = self._decoder.claim
            place = self._place_of_damage()
            self._end_early(
                f"the file claims {claim:,} samples per channel and {scan.num_samples:,} came out"
                + (f": {place}" if place else "")
            )
        if isinstance(self._ending, MpegEnding) and self._ending.frames is None:
            self._check_what_is_left(mpeg.goes_on, self._ending.audio_end, "first frame")
        elif self._decoder.container == "FLAC":
            self._check_frames(every_byte=False)
            self._check_what_is_left(flac.goes_on, self._raw.size, "header")
        if not scan.num_samples and self._shortfall:
            raise AudioError("truncated", self._shortfall)
        if not scan.num_samples:
            raise AudioError("empty", "the file holds a header and no samples")

    def _is_short(self) -> bool:
        """Tell whether less came out than is claimed, where the claim is more than a guess."""
        if not self._scan.num_samples < self._decoder.claim < UNKNOWN_LENGTH:
            return False
        if not isinstance(self._ending, MpegEnding):
            return True
        if self._ending.frames is not None:
            return not self._ending.is_tagged  # mpg123 guesses the length of one whose tag counts nothing
        return self._ending.counts_frames and not mpeg.counts_itself(self._raw.read_at, self._ending)

    def _check_frames(self, *, every_byte: bool) -> None:
        if isinstance(self._ending, FlacEnding):
            flac.check_frames(
                self._raw.read_at,
                self._raw.size,
                self._ending,
                sampling_rate=self.sampling_rate,
                num_channels=self.num_channels,
                every_byte=every_byte,
            )

    def _place_of_damage(self) -> str:
        """Say where the frames of an MP3 break off or a page of Ogg is damaged; empty where that cannot be told.

        mpg123 loses the block before damage, or continues for a while; libsndfile drops damaged pages.
        """
        if isinstance(self._ending, MpegEnding):
            seconds = mpeg.break_in(self._raw.read_at, self._ending)
            return "" if seconds is None else f"the audio is damaged after about {seconds:.3f} s"
        if isinstance(self._ending, OggEnding):
            page_at = ogg.damaged_page(self._raw.read_at, self._raw.size)
            return "" if page_at is None else f"the Ogg page at byte {page_at:,} is damaged"
        return ""

    def _check_what_is_left(self, goes_on: Callable[[Read, int, int], bool], end: int, claimant: str) -> None:
        """Report data behind the end that a file names, such as a second stream, which the decoder does not read."""
        stopped_at = self._decoder.position
        if goes_on(self._raw.read_at, stopped_at, end):
            self._end_early(f"{end - stopped_at:,} of {end:,} bytes lie behind the end that the {claimant} names")


def measure(path: str, *, opus_rate: Literal["header", 48000] = "header") -> tuple[int, int, int]:
    """Tell how long a file is by its header, without decoding it.

    Parameters
    ----------
    path : str
        May hold surrogate escapes, for names that are not UTF-8.
    opus_rate : "header" or 48000
        See `melcli.audio.options.AudioOptions`.

    Returns
    -------
    sampling_rate : int
        In Hz.
    num_samples : int
        Per channel: the header's claim, or an estimate of one byte per sample, which is about what FLAC takes, when
        the header leaves it open or claims more than the file can hold.  Whether the file ends early is not looked at.
    num_channels : int

    Raises
    ------
    AudioError
        The file cannot be opened as audio; see `AudioFile`.
    """
    with open_regular(path) as raw:
        ending = examine(raw.read_at, raw.size)
        with _open_decoder(raw, ending, opus_rate) as decoder:
            check_rate(decoder.sampling_rate)
            claim = _claimed_samples(decoder, raw.size)
            return (
                decoder.sampling_rate,
                raw.size // decoder.num_channels if claim is None else claim,
                decoder.num_channels,
            )


def _open_decoder(raw: RegularFile, ending: Ending | None, opus_rate: Literal["header"] | int) -> Decoder:
    if ending is not None and ending.undecoded:
        raise unsupported_coding(raw, ending.format, ending.undecoded)
    shown = views(raw.read_at, raw.size, ending, opus_rate=opus_rate)
    try:
        return Decoder(raw, shown)
    except AudioError as error:
        if shown is not None or error.reason != "unsupported_format":
            raise
        other = other_views(raw.read_at, raw.size, ending)
        if other is None:
            raise
        return Decoder(raw, other)


def _claimed_samples(decoder: Decoder, size: int) -> int | None:
    is_unknown = decoder.is_claim_guessed or decoder.claim > size * _MAX_SAMPLES_PER_BYTE
    return None if is_unknown else decoder.claim
