"""Decode a file forward, in blocks; soundfile enters the package here.

Measured on soundfile 0.14 with libsndfile 1.2.2, and the reason for how it is done:

* soundfile seeks after every partial read, and MP3 seeks are approximate: a VBR MP3 read in blocks is wrong by up to
  the size of its peak, without an error.  A file that says it cannot seek is read exactly.
* An MP3 without a Xing tag stops at a guess of its length: see `melcli.audio.unbounded`.  In a WAV, MP3 is refused,
  because the same happens there.
* libsndfile falls back on the name: a text file called ``x.au``, ``x.snd``, ``x.gsm`` or ``x.vox`` is "decoded" as
  headerless audio.  Opened by its descriptor it has no name.  That also takes names that are not UTF-8.
* ``frames`` is a claim: 2**63 - 1 for a FLAC that was written into a pipe, and whatever a damaged header says.
  Nothing is allocated by it.  What is beyond it is not decoded.
* Cut WAV, MP3 and Ogg files decode short without an error: `melcli.audio.containers` reads what the containers say.
  A damaged page of Vorbis or Opus is dropped without an error; then less than the claim comes out.
* Over a damaged frame header of an MP3 mpg123 passes, or it stops there, without an error: then less comes out than a
  Xing tag claims.
* MP3 files of LAME come out without the encoder's delay and padding, sample for sample as long as what went in; others
  with them.
* mpg123 writes its complaints to file descriptor 2 by itself, and libsndfile's reader of SDS (which is refused here,
  but by its content only after it was opened) to descriptor 1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from types import TracebackType
from typing import Literal

import numpy as np
import soundfile

from melcli.audio import flac, mpeg
from melcli.audio.containers import describe, examine
from melcli.audio.ending import Ending, Read
from melcli.audio.mpeg import MpegEnding
from melcli.audio.rates import check_rate
from melcli.audio.regular import RegularFile, open_regular
from melcli.audio.scan import Scan
from melcli.audio.unbounded import UnboundedFile
from melcli.errors import AudioError

__all__ = ["BLOCK_SAMPLES", "AudioFile", "codecs", "libsndfile_version", "measure", "soundfile_version"]

BLOCK_SAMPLES = 32_768  # over all channels; an eighth of it costs FLAC 10 to 16 %, twice as much gains 1 %

_UNKNOWN_LENGTH = 2**63 - 1  # libsndfile's SF_COUNT_MAX
# A FLAC frame of silence holds 65,535 samples in 13 bytes; no other format comes near.
_MAX_SAMPLES_PER_BYTE = 8192

# What libsndfile calls the formats whose end can be judged, and the endings that go with them.  The rest of what it
# reads is refused: MPC2K takes any file that begins with 01 04.
_ENDINGS = {
    "WAV": {"wav", "wave"},
    "WAVEX": {"wav", "wave"},
    "RF64": {"wav", "wave", "rf64"},
    "W64": {"w64"},
    "AIFF": {"aiff", "aif", "aifc"},
    "AU": {"au", "snd"},
    "CAF": {"caf"},
    "NIST": {"sph", "nist", "wav"},  # TIMIT and WSJ call theirs .wav
    "FLAC": {"flac"},
    "OGG": {"ogg", "oga", "opus"},
    "MP3": {"mp3", "mp2", "mp1", "mpga"},
}
_ALL_ENDINGS = set().union(*_ENDINGS.values())

_SF_ERR_SYSTEM = 2
_SF_ERR_MALLOC = 17


class AudioFile:
    """An audio file that is read once, from its beginning to its end.

    Parameters
    ----------
    path : str
        May hold surrogate escapes, for names that are not UTF-8.
    dtype : "float32" or "float64"
        Of the blocks.  Integers are scaled so that full scale is +-1.

    Attributes
    ----------
    sampling_rate : int
        In Hz.
    num_channels : int
    claimed_samples : int or None
        Samples per channel by the header.  None when the header leaves it open or claims more than the file can hold.
    num_samples : int
        Decoded so far, per channel.
    flags : tuple of str
        Sorted; complete when `blocks` is exhausted.  ``clipped`` and ``silent``: see `melcli.audio.scan.Scan`.
        ``misnamed``: the name's ending is that of another format.  ``truncated_header``: the header leaves the
        length open, so that a missing end cannot be told, or claims less than what follows it.

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

    def __init__(self, path: str, *, dtype: Literal["float32", "float64"] = "float32") -> None:
        with ExitStack() as opened:
            self._raw = opened.enter_context(open_regular(path))
            if not self._raw.size:  # not read at all: files of /proc have no size either, and some wait for ever
                raise AudioError("empty", "the file has 0 bytes")
            self._ending = examine(self._raw.read_at, self._raw.size)
            if self._ending is not None and self._ending.shortfall:
                raise AudioError("truncated", self._ending.shortfall)
            self._unbounded = _unbounded(self._raw, self._ending)
            self._decoder = opened.enter_context(_open_decoder(self._raw, self._unbounded))
            self.sampling_rate: int = self._decoder.samplerate
            check_rate(self.sampling_rate)
            self._opened = opened.pop_all()
        self.num_channels: int = self._decoder.channels
        self.claimed_samples = None if self._unbounded is not None else _claimed_samples(self._decoder, self._raw.size)
        self._dtype = dtype
        self._scan = Scan(self.num_channels)
        self._misnamed = _is_misnamed(path, self._decoder.format)

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
        # Never more than the claim: libsndfile fills what it cannot deliver with zeros, 245 kB for half a second of
        # 8 kHz, and that took as long as the rest.
        while rows := min(most, self._decoder.frames - self.num_samples):
            block = self._read(rows)
            if not len(block):
                break
            self._scan.add(block)
            if not self._scan.num_nonfinite:  # from there on the rest is only counted
                yield block
        self._check_end()

    def _read(self, rows: int) -> np.ndarray:
        try:
            block: np.ndarray = self._decoder.read(rows, dtype=self._dtype, always_2d=True)
        except soundfile.LibsndfileError as error:
            raise self._decoding_failure(error) from error
        if self._unbounded is not None and self._unbounded.error is not None:
            raise AudioError("unreadable", f"it cannot be read: {self._unbounded.error.strerror}")
        return block

    def _decoding_failure(self, error: soundfile.LibsndfileError) -> Exception:
        if error.code == _SF_ERR_MALLOC:
            return MemoryError(error.error_string)
        seconds = self.num_samples / self.sampling_rate
        if error.code != _SF_ERR_SYSTEM and self._raw.tell() >= self._raw.size:
            # FLAC: libsndfile says "lost sync" both for a cut and for damage; a cut is met at the end of the file.
            return AudioError("truncated", f"the file ends inside a frame, after about {seconds:.3f} s")
        return AudioError("unreadable", f"the audio is damaged after about {seconds:.3f} s: {_words(error)}")

    def _check_end(self) -> None:
        scan = self._scan
        if scan.num_nonfinite:
            raise AudioError(
                "nonfinite",
                f"{scan.num_nonfinite:,} of {scan.num_samples * self.num_channels:,} values are NaN or infinite, "
                f"the first at {scan.first_nonfinite / self.sampling_rate:.3f} s",
            )
        if self._is_short():
            claim = self._decoder.frames
            raise AudioError(
                "truncated", f"the file claims {claim:,} samples per channel and {scan.num_samples:,} came out"
            )
        if isinstance(self._ending, MpegEnding):
            self._check_what_is_left(mpeg.goes_on, self._ending.audio_end, "first frame")
        elif self._decoder.format == "FLAC":
            self._check_what_is_left(flac.goes_on, self._raw.size, "header")
        if not scan.num_samples:
            raise AudioError("empty", "the file holds a header and no samples")

    def _is_short(self) -> bool:
        """Tell whether less came out than is claimed, where the claim is more than a guess."""
        if not self._scan.num_samples < self._decoder.frames < _UNKNOWN_LENGTH:
            return False
        if not isinstance(self._ending, MpegEnding):
            return True
        return self._ending.counts_frames and not mpeg.counts_itself(self._raw.read_at, self._ending)

    def _check_what_is_left(self, goes_on: Callable[[Read, int, int], bool], end: int, claimant: str) -> None:
        """Tell what lies behind the end that a file names, such as a second stream; its decoder leaves it alone."""
        stopped_at = self._raw.tell()
        if goes_on(self._raw.read_at, stopped_at, end):
            raise AudioError(
                "truncated", f"{end - stopped_at:,} of {end:,} bytes lie behind the end that the {claimant} names"
            )


def measure(path: str) -> tuple[int, int, int]:
    """Tell how long a file is by its header, without decoding it.

    Parameters
    ----------
    path : str
        May hold surrogate escapes, for names that are not UTF-8.

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
    with open_regular(path) as raw, _open_decoder(raw) as decoder:
        check_rate(decoder.samplerate)
        claim = _claimed_samples(decoder, raw.size)
        return decoder.samplerate, raw.size // decoder.channels if claim is None else claim, decoder.channels


class _ForwardOnly(soundfile.SoundFile):  # type: ignore[misc]  # soundfile has no type information
    """A SoundFile that soundfile does not seek in, see the module's docstring."""

    def seekable(self) -> bool:
        return False


def _unbounded(raw: RegularFile, ending: Ending | None) -> UnboundedFile | None:
    """Put a file whose length mpg123 would guess behind one whose end it cannot foresee."""
    if isinstance(ending, MpegEnding) and not ending.counts_frames:
        return UnboundedFile(raw.fileno(), ending.audio_end)
    return None


def _open_decoder(raw: RegularFile, unbounded: UnboundedFile | None = None) -> _ForwardOnly:
    try:
        decoder = _ForwardOnly(unbounded or raw.fileno(), closefd=False)
    except soundfile.LibsndfileError as error:
        raise _refusal(raw, error) from error
    if decoder.format not in _ENDINGS or (decoder.format != "MP3" and decoder.subtype.startswith("MPEG")):
        with decoder:
            what = f"{decoder.format_info} holding {decoder.subtype_info}"
            raise AudioError("unsupported_format", f"libsndfile takes it for {what}, which is not read here")
    return decoder


def _refusal(raw: RegularFile, error: soundfile.LibsndfileError) -> Exception:
    """Say why libsndfile refuses a file, better than libsndfile does."""
    if error.code == _SF_ERR_MALLOC:
        return MemoryError(error.error_string)
    if error.code == _SF_ERR_SYSTEM:
        return AudioError("unreadable", f"it cannot be read: {_words(error)}")
    if not raw.size:
        return AudioError("empty", "the file has 0 bytes")
    ending = examine(raw.read_at, raw.size)
    if ending is None:
        looks = describe(raw.read_at(0, 512))
        return AudioError(
            "unsupported_format",
            f"it looks like {looks}" if looks else "libsndfile knows no format that begins like it",
        )
    if ending.cut_header:
        return AudioError("truncated", f"it begins as {ending.format} and ends inside the header")
    if ending.shortfall:
        return AudioError("truncated", ending.shortfall)
    return AudioError("unsupported_format", f"libsndfile refuses this {ending.format} file: {_words(error)}")


def _claimed_samples(decoder: _ForwardOnly, size: int) -> int | None:
    claim: int = decoder.frames
    return claim if claim <= size * _MAX_SAMPLES_PER_BYTE else None


def _is_misnamed(path: str, audio_format: str) -> bool:
    ending = path.rpartition(".")[2].lower()
    return ending not in _ENDINGS[audio_format] and ending in _ALL_ENDINGS


def _words(error: soundfile.LibsndfileError) -> str:
    return str(error.error_string).removeprefix("Error : ").rstrip(".")


def codecs() -> dict[str, bool]:
    """Tell which of the codecs that libsndfile can be built without are there; of their versions it says nothing."""
    formats, subtypes = soundfile.available_formats(), soundfile.available_subtypes()
    return {
        "FLAC": "FLAC" in formats,
        "Vorbis": "OGG" in formats and "VORBIS" in subtypes,
        "Opus": "OGG" in formats and "OPUS" in subtypes,
        "MP3": "MP3" in formats and "MPEG_LAYER_III" in subtypes,
    }


def soundfile_version() -> str:
    """Return the version of the package that calls libsndfile."""
    return str(soundfile.__version__)


def libsndfile_version() -> str:
    """Return the version of the library that decodes."""
    return str(soundfile.__libsndfile_version__)
