"""Views of Ogg files for libsndfile: single streams, and Opus streams whose start or end it would decode wrongly.

Each section is a view that begins with its audio stream.  libsndfile reads only the first stream of a file, and refuses
other kinds there.

RFC 7845, section 4.2, drops the pre-skip of an Opus stream at the start of the stream.  libsndfile drops it only where
the granule position is below it, that is, if positions start at 0.  In a stream that was cut out of another one, or
recorded, libsndfile yields 6.5 ms (312 samples) that should be dropped.  It then omits as much at the end, because its
claimed length excludes the pre-skip.  So the view has a header without a pre-skip, and melcli drops the samples.  Only
the header is changed, so that neither time nor memory grows with the number of pages.

If the last page of an Opus stream requests trimming and lacks the end-of-stream flag, libsndfile yields 312 samples
less: 57,288 of 57,600.  So the view sets the flag.

An input rate of 0 means unknown.  libsndfile decodes such a stream at 8 kHz; the view has 48 kHz.
"""

from __future__ import annotations

import struct
from typing import Literal, NamedTuple

from melcli.audio.end_of_audio import Read
from melcli.audio.ogg import OggEnding, Section
from melcli.audio.ogg_pages import Page, pages, read_page
from melcli.audio.opus import OPUS_RATE_HZ, PRE_SKIP_AT, RATE_AT, OpusHead, decoding_rate, opus_head, packet_samples
from melcli.audio.view import Extent, Piece, View

__all__ = ["ogg_views"]


class _Audio(NamedTuple):
    """The first page of an Opus stream on which a packet of audio ends.

    Attributes
    ----------
    start : int
        Granule position of the start of the stream.
    num_samples : int
        Samples of the packets on the page, at 48 kHz.
    """

    page: Page
    start: int
    num_samples: int


def ogg_views(
    read: Read, ending: OggEnding, *, opus_rate: Literal["header"] | int = "header"
) -> tuple[View, ...] | None:
    """Return a view of each stream of a chain, with Opus streams changed so that they decode as in RFC 7845.

    Parameters
    ----------
    read : callable
        See `melcli.audio.end_of_audio.Read`.
    ending : OggEnding
    opus_rate : "header" or 48000
        See `melcli.audio.options.AudioOptions`.

    Returns
    -------
    tuple of View or None
        None: the file as it is.
    """
    views = [(section, _opus_view(read, section, opus_rate)) for section in ending.sections]
    if len(views) <= 1 and all(view is None and not section.start for section, view in views):
        return None  # libsndfile handles junk after the last page
    return tuple(view or View(pieces=(_extent(section.start, section.end),)) for section, view in views)


def _opus_view(read: Read, section: Section, opus_rate: Literal["header"] | int) -> View | None:
    """Return the view of an Opus section; None if it needs no change, and for other codings."""
    found = _opus_header(read, section)
    if found is None:
        return None
    header, head = found
    rate_hz = OPUS_RATE_HZ if opus_rate == OPUS_RATE_HZ else decoding_rate(head.input_rate_hz or OPUS_RATE_HZ)
    shown = header if decoding_rate(head.input_rate_hz) == rate_hz else _with_field(header, RATE_AT, "<I", rate_hz)
    audio, last = _first_audio(read, section, header), _missing_end(read, section, header)
    num_samples = 0 if audio is None else section.granules[header.serial] - audio.start - head.pre_skip
    if audio is None or (audio.start == 0 and num_samples >= 0):
        changed = [page for page in (shown, last) if page is not None and page is not header]
        return View(pieces=_replaced(section, *changed)) if changed else None
    changed = [_with_field(shown, PRE_SKIP_AT, "<H", 0)]
    if audio.start and audio.page.offset == section.last_page:
        # libsndfile rejects the granule position of a stream's only page
        changed.append((last or audio.page).with_granule(audio.num_samples))
    elif last is not None:
        changed.append(last)
    divisor = OPUS_RATE_HZ // rate_hz
    return View(
        pieces=_replaced(section, *changed),
        skip_samples=head.pre_skip // divisor,
        num_samples=max(0, num_samples) // divisor,
    )


def _opus_header(read: Read, section: Section) -> tuple[Page, OpusHead] | None:
    page = read_page(read, section.start)
    head = page and opus_head(page.data[page.content_at :])
    return (page, head) if page and head else None


def _missing_end(read: Read, section: Section, header: Page) -> Page | None:
    """Return the last page of an Opus stream with the end-of-stream flag, if it lacks the flag."""
    page = None if section.is_ended else read_page(read, section.last_page)
    return page.as_last() if page and page.serial == header.serial and page.offset != header.offset else None


def _first_audio(read: Read, section: Section, header: Page) -> _Audio | None:
    """Find the start of the granule positions: the first page with a complete packet after the tags."""
    in_tags = True
    for page in pages(read, header.end, section.end):
        if page.serial != header.serial:
            continue
        packets = page.ended_packets()
        if in_tags:
            in_tags = not page.ends_a_packet
            continue
        if packets:
            num_samples = sum(map(packet_samples, packets))
            # Below 0: the only page requests trimming.  Elsewhere that is an error, which libsndfile finds.
            return _Audio(page, max(0, page.granule - num_samples), num_samples)
    return None


def _with_field(page: Page, at: int, layout: str, value: int) -> Page:
    return page.replaced(page.content_at + at, struct.pack(layout, value))


def _replaced(section: Section, *changed: Page) -> tuple[Piece, ...]:
    """Return a section with pages replaced by ``changed``, which is sorted."""
    pieces: list[Piece] = []
    at = section.start
    for page in changed:
        pieces += [_extent(at, page.offset), page.data]
        at = page.end
    pieces.append(_extent(at, section.end))
    return tuple(piece for piece in pieces if not (isinstance(piece, Extent) and not piece.size))


def _extent(start: int, end: int) -> Extent:
    return Extent(start, end - start)
