"""Decode a file in blocks, and check that all of it was decoded.

* ``frames`` of libsndfile is only a claim: 2**63 - 1 for a FLAC file that was written to a pipe, and any number for a
  damaged header.  It never determines an allocation.  Samples beyond it are not decoded.
* Truncated WAV, MP3 and Ogg files decode without an error: `melcli.audio.containers` reads the expected end.
  libsndfile drops a damaged page of Vorbis or Opus without an error, so that fewer samples than claimed come out.
* libsndfile stops decoding an MP3 without a Xing tag at an estimated length: see `melcli.audio.mpeg_views`.  MP3 in WAV
  is refused, because it has the same problem.
* mpg123 skips a damaged MP3 frame header, or stops there, without an error.  Then fewer samples come out than a Xing
  tag claims.
* MP3 files of LAME decode without the encoder's delay and padding, to exactly the length of the original.  Other MP3
  files decode with them.
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
from melcli.audio.end_of_audio import Ending, Read
from melcli.audio.ffmpeg.decoder import FfmpegDecoder
from melcli.audio.ffmpeg.media import media_end
from melcli.audio.ffmpeg.media_end import Track
from melcli.audio.ffmpeg.program import locate
from melcli.audio.flac import FlacEnding
from melcli.audio.formats import is_misnamed, true_container
from melcli.audio.levels import Levels
from melcli.audio.mpeg import MpegEnding
from melcli.audio.ogg import OggEnding
from melcli.audio.open_decoder import DecoderChoice, DecoderName, open_decoder
from melcli.audio.rates import check_rate
from melcli.audio.regular_file import open_regular
from melcli.audio.scan import Scan
from melcli.errors import AudioError

__all__ = ["BLOCK_SAMPLES", "AudioFile", "measure"]

BLOCK_SAMPLES = 32_768  # over all channels; an eighth of it slows FLAC by 10 to 16 %, twice as much gains 1 %

# A FLAC frame of silence holds 65,535 samples in 13 bytes; other formats hold far fewer per byte.
_MAX_SAMPLES_PER_BYTE = 8192


class AudioFile:
    """An audio file that is read once, from its beginning to its end.

    Parameters
    ----------
    path : str
        May contain surrogate escapes, for names that are not UTF-8.
    dtype : "float32" or "float64"
        Type of the blocks.  Integers are scaled so that full scale is +-1.
    truncated : "fail" or "keep"
        With ``keep``, a truncated file yields what can be decoded, and gets the flag ``truncated``.
    opus_rate, decoder, stream
        See `melcli.audio.options.AudioOptions`.

    Attributes
    ----------
    sampling_rate : int
        In Hz.
    num_channels : int
    format : str
        Container and coding in libsndfile's terms, in lower case: ``wav/pcm_16``, ``ogg/vorbis``.  With ffmpeg, its
        name, container and coding in its terms: ``ffmpeg/mov/aac``.
    claimed_samples : int or None
        Samples per channel by the header.  None if the header leaves it open or claims more than the file can hold.
    num_samples : int
        Samples decoded so far, per channel.
    flags : tuple of str
        Sorted; complete when `blocks` is exhausted.  ``clipped`` and ``silent``: see `melcli.audio.scan.Scan`.
        ``misnamed``: the extension belongs to another format.  ``more_streams``: the file has other audio streams.
        ``truncated_header``: the header leaves the length open,
        so that truncation cannot be detected, or claims less audio than follows it.  ``truncated``: the file is
        truncated, and was read with ``truncated="keep"``.
    levels : Levels
        Of the decoded samples, over all channels; complete when `blocks` is exhausted.

    Raises
    ------
    AudioError
        On opening: ``vanished``, ``unreadable``, ``empty``, ``unsupported_format``, ``truncated``, ``bad_rate``.  While
        decoding: ``truncated``, ``nonfinite``, ``empty`` (no samples), ``unreadable`` (damaged).
    MemoryError
        libsndfile ran out of memory.
    OSError
        This process ran out of file descriptors or memory; the file is not the cause.
    """

    def __init__(
        self,
        path: str,
        *,
        dtype: Literal["float32", "float64"] = "float32",
        truncated: Literal["fail", "keep"] = "fail",
        opus_rate: Literal["header", 48000] = "header",
        decoder: DecoderName = "auto",
        stream: int = 0,
    ) -> None:
        self._keep = truncated == "keep"
        self._shortfall = ""
        with ExitStack() as opened:
            self._raw = opened.enter_context(open_regular(path))
            if not self._raw.size:  # not read: files in /proc also have size 0, and some block forever
                raise AudioError("empty", "the file has 0 bytes")
            self._ending = examine(self._raw.read_at, self._raw.size)
            if isinstance(self._ending, MpegEnding):
                self._ending = mpeg.with_frames(self._raw.read_at, self._ending)
            if self._ending is not None and self._ending.shortfall and not self._ending.undecoded:
                self._end_early(self._ending.shortfall)
            choice = DecoderChoice(decoder=decoder, stream=stream, opus_rate=opus_rate, dtype=dtype)
            self._decoder: Decoder | FfmpegDecoder = open_decoder(self._raw, self._ending, choice)
            opened.enter_context(self._decoder)
            if isinstance(self._decoder, FfmpegDecoder):
                self._ending = _plain_ending(self._ending, self._decoder)
                if self._ending.shortfall:
                    self._end_early(self._ending.shortfall)
            self.sampling_rate = self._decoder.sampling_rate
            check_rate(self.sampling_rate)
            self.num_channels = self._decoder.num_channels
            self.format, self._misnamed = self._name_format(path)
            self.claimed_samples = _claimed_samples(self._decoder, self._raw.size)
            self._dtype = dtype
            self._scan = Scan(self.num_channels)
            self._first = 0
            self._opened = opened.pop_all()

    def __enter__(self) -> AudioFile:
        return self

    def close(self) -> None:
        """Close the file."""
        self._opened.close()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _name_format(self, path: str) -> tuple[str, bool]:
        """Return `format`, and whether the extension belongs to another one; ffmpeg's containers have many."""
        decoder = self._decoder
        if isinstance(decoder, FfmpegDecoder):
            return f"ffmpeg/{decoder.container}/{decoder.coding}".lower(), False
        container = true_container(decoder.container, self._ending.format if self._ending else "")
        return f"{container}/{decoder.coding}".lower(), is_misnamed(path, container)

    @property
    def num_samples(self) -> int:
        """Samples decoded so far, per channel."""
        return self._scan.num_samples

    @property
    def flags(self) -> tuple[str, ...]:
        """Noteworthy properties of the file that are not errors, sorted."""
        found = {
            "clipped": self._scan.clipped,
            "misnamed": self._misnamed,
            "more_streams": isinstance(self._decoder, FfmpegDecoder) and self._decoder.num_streams > 1,
            "silent": self._scan.silent,
            "truncated": bool(self._shortfall),
            "truncated_header": self._ending is not None and self._ending.open_ended,
        }
        return tuple(name for name, holds in found.items() if holds)

    @property
    def levels(self) -> Levels:
        """Levels of all samples; complete when `blocks` is exhausted."""
        return self._scan.levels()

    def blocks(self) -> Iterator[np.ndarray]:
        """Decode the file to its end.

        Yields
        ------
        block : np.ndarray [shape=(samples, channels)]
            At least one sample, at most `BLOCK_SAMPLES` over all channels; finite, C-contiguous, owned by the caller.

        Raises
        ------
        AudioError
            At the latest after the last block; the caller must then discard all blocks.
        """
        for block in self.decoded():
            self._scan.add(block)
            if not self._scan.num_nonfinite:  # after the first such value, the rest is only counted
                yield block

    @property
    def is_exact(self) -> bool:
        """Whether damage is always an error where it is; other decoders may skip damaged audio, and shift the rest."""
        return isinstance(self._decoder, Decoder) and self._decoder.can_seek

    @property
    def can_seek(self) -> bool:
        """Whether decoding can start exactly at any sample; not if a truncated file is kept, which may end early."""
        return self.is_exact and bool(self.claimed_samples) and not self._keep

    def seek(self, sample: int) -> None:
        """Let decoding start at a sample that the file has; before the first block, and only if it `can_seek`."""
        if isinstance(self._decoder, Decoder):
            self._first = sample
            self._decoder.seek(sample)

    def decoded(self) -> Iterator[np.ndarray]:
        """Decode like `blocks`, without checking the samples: they may be infinite or NaN."""
        max_samples = max(1, BLOCK_SAMPLES // self.num_channels)
        try:
            yield from self._decoder.blocks(self._dtype, max_samples)
        except AudioError as error:
            self._check_frames(every_byte=True)  # libFLAC stops where the number of channels changes
            if error.reason != "truncated":
                is_damage = error.message.startswith("the audio is damaged")  # not a failed read
                place = self._place_of_damage() if is_damage else ""
                raise AudioError(error.reason, place) if place else error from error.__cause__
            self._end_early(error.message)
        self._check_end()

    def _end_early(self, shortfall: str) -> None:
        """Raise for a truncated file, or record the shortfall with ``truncated="keep"``."""
        if not self._keep:
            raise AudioError("truncated", shortfall)
        self._shortfall = self._shortfall or shortfall

    def _check_end(self) -> None:
        self._scan.refuse_nonfinite(self.sampling_rate)
        num_samples = self._num_decoded
        if isinstance(self._decoder, Decoder):  # `FfmpegDecoder` has compared its end with the container
            self._check_decoded(self._decoder)
        if not num_samples and self._shortfall:
            raise AudioError("truncated", self._shortfall)
        if not num_samples:
            raise AudioError("empty", "the file has a header but no samples")

    @property
    def _num_decoded(self) -> int:
        """Samples per channel from the beginning of the file to where decoding is."""
        return self._first + self._decoder.num_samples

    def _check_decoded(self, decoder: Decoder) -> None:
        """Compare what libsndfile decoded with what the file promises."""
        if self._is_short(decoder):
            place = self._place_of_damage()
            self._end_early(
                f"the file claims {decoder.claim:,} samples per channel, but only {self._num_decoded:,} were decoded"
                + (f": {place}" if place else "")
            )
        if isinstance(self._ending, MpegEnding) and self._ending.frames is None:
            self._check_rest(decoder, mpeg.has_more_frames, self._ending.audio_end, "first frame")
        elif decoder.container == "FLAC":
            self._check_frames(every_byte=False)
            self._check_rest(decoder, flac.has_more_frames, self._raw.size, "header")

    def _is_short(self, decoder: Decoder) -> bool:
        """Return whether fewer samples came out than claimed, and the claim is not an estimate."""
        if not self._num_decoded < decoder.claim < UNKNOWN_LENGTH:
            return False
        if not isinstance(self._ending, MpegEnding):
            return True
        if self._ending.frames is not None:
            return not self._ending.is_tagged  # mpg123 estimates the length if the tag counts nothing
        return self._ending.counts_frames and not mpeg.tag_counts_itself(self._raw.read_at, self._ending)

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
        """Return where MP3 frames break off or which Ogg page is damaged; empty if unknown.

        The decoder cannot say: mpg123 loses the block before the damage, or continues; libsndfile drops damaged pages.
        """
        if isinstance(self._ending, MpegEnding):
            seconds = mpeg.first_break_s(self._raw.read_at, self._ending)
            return "" if seconds is None else f"the audio is damaged after about {seconds:.3f} s"
        if isinstance(self._ending, OggEnding):
            page_at = ogg.damaged_page(self._raw.read_at, self._raw.size)
            return "" if page_at is None else f"the Ogg page at byte {page_at:,} is damaged"
        return ""

    def _check_rest(
        self, decoder: Decoder, has_more: Callable[[Read, int, int], bool], end: int, claimant: str
    ) -> None:
        """Report data after the end of the stream that the decoder does not read, such as a second stream."""
        stopped_at = decoder.position
        if has_more(self._raw.read_at, stopped_at, end):
            self._end_early(f"{end - stopped_at:,} of {end:,} bytes follow the end that the {claimant} gives")


def measure(
    path: str,
    *,
    opus_rate: Literal["header", 48000] = "header",
    decoder: DecoderName = "auto",
    stream: int = 0,
    is_rough: bool = False,
) -> tuple[int, int, int]:
    """Return the length of a file by its header, without decoding.

    Parameters
    ----------
    path : str
        May contain surrogate escapes, for names that are not UTF-8.
    opus_rate, decoder, stream
        See `melcli.audio.options.AudioOptions`.
    is_rough : bool
        Whether the rate and channels in the header of an MP4 file are enough, though a decoder may find others.  Then
        no ffmpeg is started for it.

    Returns
    -------
    sampling_rate : int
        In Hz.
    num_samples : int
        Samples per channel by the header.  If the header leaves it open or claims more than the file can hold: an
        estimate of one byte per sample, which is about what FLAC takes.  Truncation is not checked.
    num_channels : int

    Raises
    ------
    AudioError
        The file cannot be opened as audio; see `AudioFile`.
    """
    choice = DecoderChoice(decoder=decoder, stream=stream, opus_rate=opus_rate)
    with open_regular(path) as raw:
        ending = examine(raw.read_at, raw.size)
        if is_rough and ending is None and decoder != "libsndfile" and locate() is not None:
            tracks = media_end(raw.read_at, raw.size).tracks
            track = tracks[stream] if stream < len(tracks) else Track()
            if track.duration_s and track.sampling_rate and track.num_channels:
                return track.sampling_rate, round(track.duration_s * track.sampling_rate), track.num_channels
        with open_decoder(raw, ending, choice) as opened:
            check_rate(opened.sampling_rate)
            claim = _claimed_samples(opened, raw.size)
            return (
                opened.sampling_rate,
                raw.size // opened.num_channels if claim is None else claim,
                opened.num_channels,
            )


def _plain_ending(ending: Ending | None, decoder: FfmpegDecoder) -> Ending:
    """Return what is known of the end of a file that ffmpeg decodes; further checks need libsndfile's position."""
    return Ending(
        format=decoder.container,
        shortfall=decoder.shortfall or (ending.shortfall if ending is not None else ""),
        open_ended=decoder.is_open_ended or (ending is not None and ending.open_ended),
    )


def _claimed_samples(decoder: Decoder | FfmpegDecoder, size: int) -> int | None:
    if isinstance(decoder, FfmpegDecoder):
        return decoder.expected_samples
    is_unknown = decoder.is_claim_guessed or decoder.claim > size * _MAX_SAMPLES_PER_BYTE
    return None if is_unknown else decoder.claim
