"""The decoder: the streams of a file, in order.  The only module that imports soundfile.

Measured with soundfile 0.14 and libsndfile 1.2.2; these facts explain the design:

* soundfile seeks after every partial read, and MP3 seeks are approximate.  A VBR MP3 read in blocks is wrong by up to
  its peak, without an error.  A file that reports that it cannot seek is read exactly.
* libsndfile uses the file name as a fallback: it "decodes" a text file named ``x.au``, ``x.snd``, ``x.gsm`` or
  ``x.vox`` as headerless audio.  So melcli opens files by descriptor, which also supports names that are not UTF-8.
* If libsndfile fails in the middle of a block, it has written and counted the samples before the failure.
* mpg123 writes its messages directly to file descriptor 2.  libsndfile's SDS reader writes to descriptor 1; melcli
  refuses SDS, but can only do so after opening the file.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from io import BufferedReader
from types import TracebackType
from typing import Literal

import numpy as np
import soundfile

from melcli.audio.formats import EXTENSIONS
from melcli.audio.refusal import decoding_failure, opening_failure, unsupported
from melcli.audio.regular_file import RegularFile
from melcli.audio.spliced import SplicedFile
from melcli.audio.view import View
from melcli.errors import AudioError

__all__ = ["UNKNOWN_LENGTH", "Decoder", "codecs", "libsndfile_version", "soundfile_version"]

UNKNOWN_LENGTH = 2**63 - 1  # libsndfile's SF_COUNT_MAX
_BUFFER_BYTES = 2**16
SEEKABLE_CONTAINERS = frozenset({"WAV", "WAVEX", "RF64", "W64", "AIFF", "FLAC"})
SEEKABLE_CODINGS = frozenset({"PCM_S8", "PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW"})


class Decoder:
    """Decode the samples of a file from start to end.

    Parameters
    ----------
    raw : RegularFile
        Stays open.
    views : tuple of View, or None
        What libsndfile reads, in order; None: the file itself.

    Attributes
    ----------
    sampling_rate : int
        In Hz.
    num_channels : int
    container, coding : str
        Of the first stream, in libsndfile's terms: ``WAV``, ``PCM_16``.
    claim : int
        Samples per channel of all streams by their headers; may be `UNKNOWN_LENGTH`, or far too high or low.
    is_claim_guessed : bool
        A view claims more than the file contains, so that ``claim`` means nothing.
    num_samples : int
        Samples decoded so far, per channel.

    Raises
    ------
    AudioError
        libsndfile refuses the file, or melcli does not support its format: ``unsupported_format``,
        ``truncated``, ``unreadable``, ``empty``.
    MemoryError
        libsndfile ran out of memory.
    """

    def __init__(self, raw: RegularFile, views: tuple[View, ...] | None) -> None:
        self._raw = raw
        first, *later = views or (None,)
        self._later = later
        stream, self.container, self.coding = _open_stream(raw, first)
        self._stream = stream
        self.sampling_rate: int = stream.samplerate
        self.num_channels: int = stream.channels
        self.claim = stream.claim
        self.is_claim_guessed = views is not None and any(map(_is_guess, views))
        if later:
            with ExitStack() as opened:
                opened.enter_context(stream)
                self.claim += sum(map(self._claim_of, later))
                opened.pop_all()
        self.num_samples = 0
        self._first = 0

    def __enter__(self) -> Decoder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.close()

    @property
    def position(self) -> int:
        """Offset in the file at which the decoder stopped reading, in bytes."""
        stream = self._stream
        return self._raw.tell() if stream.spliced is None else stream.spliced.file_position(stream.buffered.tell())

    @property
    def can_seek(self) -> bool:
        """Whether decoding can start exactly at any sample: in PCM and FLAC that libsndfile reads from the file."""
        is_exact = self.container in SEEKABLE_CONTAINERS and self.coding in SEEKABLE_CODINGS
        return is_exact and self._stream.spliced is None and not self._later

    def seek(self, sample: int) -> None:
        """Let `blocks` start at a sample that the file has; only if it `can_seek`."""
        self._first = sample
        try:
            self._stream.seek(sample)
        except soundfile.LibsndfileError as error:
            raise self._failed(error.with_traceback(None)) from None

    def blocks(self, dtype: Literal["float32", "float64"], max_samples: int) -> Iterator[np.ndarray]:
        """Decode to the end of the last stream.

        Yields
        ------
        block : np.ndarray [shape=(samples, channels)]
            At least one sample and at most ``max_samples`` per channel.

        Raises
        ------
        AudioError
            ``unreadable`` for damage, ``truncated`` if the file ends inside a frame.  All samples before it
            were yielded.
        MemoryError
            libsndfile ran out of memory.
        """
        while True:
            yield from self._decode(dtype, max_samples)
            if not self._later:
                break
            self._stream.close()
            self._stream = _open_stream(self._raw, self._later.pop(0))[0]

    def _decode(self, dtype: Literal["float32", "float64"], max_samples: int) -> Iterator[np.ndarray]:
        """Decode the open stream."""
        stream = self._stream
        skip, given, end = stream.skip_samples, self._first, stream.skip_samples + stream.claim
        # Never request more than the claim: libsndfile fills the rest with zeros.  That is 245 kB for half a second at
        # 8 kHz, and took as long as the decoding.
        while rows := min(max_samples, end - given):
            block, failure = self._read(rows, given, dtype)
            given += len(block)
            kept = block[skip:] if skip else block
            skip -= min(skip, len(block))
            self.num_samples += len(kept)
            if len(kept):
                yield kept
            if failure is not None:
                raise self._failed(failure)
            if not len(block):
                break

    def _read(self, rows: int, before: int, dtype: str) -> tuple[np.ndarray, soundfile.LibsndfileError | None]:
        """Read a block after ``before`` samples; if that fails, return the samples before the failure and the error."""
        stream = self._stream
        block = np.empty((rows, self.num_channels), dtype)
        try:
            block = stream.read(out=block)
        except soundfile.LibsndfileError as error:
            # Without its traceback, which would keep the stack frames and with them the file alive.
            num_samples = stream.tell() - before
            return block[: max(0, min(rows, num_samples))], error.with_traceback(None)
        if stream.spliced is not None and stream.spliced.error is not None:
            raise AudioError("unreadable", f"it cannot be read: {stream.spliced.error.strerror}")
        return block, None

    def _failed(self, error: soundfile.LibsndfileError) -> Exception:
        seconds = (self._first + self.num_samples) / self.sampling_rate
        return decoding_failure(self._raw, error.code, _error_text(error), seconds=seconds, position=self.position)

    def _claim_of(self, view: View) -> int:
        """Open a later stream to read its length, and check that it has the rate and channels of the first."""
        with _open_stream(self._raw, view)[0] as stream:
            for what, mine, other in (
                ("Hz", self.sampling_rate, stream.samplerate),
                ("channels", self.num_channels, stream.channels),
            ):
                if mine != other:
                    raise unsupported(self._raw, f"it is a chain of streams with {mine} {what} and {other} {what}")
            return int(stream.claim)


class _Stream(soundfile.SoundFile):  # type: ignore[misc]  # soundfile has no type information
    """A SoundFile in which soundfile does not seek; see the module docstring."""

    spliced: SplicedFile | None = None
    skip_samples = 0
    _num_samples: int | None = None

    def __init__(self, descriptor: int, view: View | None) -> None:
        if view is None:
            super().__init__(descriptor, closefd=False)
            return
        self.spliced = SplicedFile(descriptor, view)
        self.skip_samples = view.skip_samples
        self._num_samples = view.num_samples
        # mpg123 reads frame by frame: without a buffer, that took 16 % of the decoding time.
        self.buffered = BufferedReader(self.spliced, _BUFFER_BYTES)
        super().__init__(self.buffered, closefd=False)

    def seekable(self) -> bool:
        return False

    @property
    def claim(self) -> int:
        """Samples per channel to decode, after those that are skipped."""
        if self._num_samples is not None:
            return self._num_samples
        frames: int = self.frames
        return frames if frames == UNKNOWN_LENGTH else max(0, frames - self.skip_samples)


def _is_guess(view: View) -> bool:
    return view.claimed_size is not None and view.num_samples is None


def _open_stream(raw: RegularFile, view: View | None) -> tuple[_Stream, str, str]:
    """Open a stream; also return its container and coding, which soundfile looks up again on each access."""
    try:
        stream = _Stream(raw.fileno(), view)
    except soundfile.LibsndfileError as error:
        raise opening_failure(raw, error.code, _error_text(error)) from error
    container, coding = stream.format, stream.subtype
    if container not in EXTENSIONS or (container != "MP3" and coding.startswith("MPEG")):
        with stream:
            what = f"{stream.format_info} with {stream.subtype_info}"
            raise unsupported(raw, f"libsndfile detects {what}, which melcli does not support")
    return stream, container, coding


def _error_text(error: soundfile.LibsndfileError) -> str:
    return str(error.error_string).removeprefix("Error : ").rstrip(".")


def codecs() -> dict[str, bool]:
    """Return which optional codecs this libsndfile was built with; it does not report their versions."""
    formats, subtypes = soundfile.available_formats(), soundfile.available_subtypes()
    return {
        "FLAC": "FLAC" in formats,
        "Vorbis": "OGG" in formats and "VORBIS" in subtypes,
        "Opus": "OGG" in formats and "OPUS" in subtypes,
        "MP3": "MP3" in formats and "MPEG_LAYER_III" in subtypes,
    }


def soundfile_version() -> str:
    """Return the version of soundfile."""
    return str(soundfile.__version__)


def libsndfile_version() -> str:
    """Return the version of libsndfile."""
    return str(soundfile.__libsndfile_version__)
