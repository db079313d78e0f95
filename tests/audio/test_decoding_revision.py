"""What a fix of decoding makes stale."""

from __future__ import annotations

import pytest

from melcli.audio import decoding_revision
from melcli.audio.decoding_revision import DECODING_REVISION, REVISED, is_outdated
from melcli.audio.formats import EXTENSIONS
from melcli.sources.names import AUDIO_EXTENSIONS


def test_the_revision_is_that_of_the_last_fix() -> None:
    assert max(REVISED.values(), default=0) == DECODING_REVISION
    assert not {name.partition("/")[0] for name in REVISED} - {name.lower() for name in EXTENSIONS}


def test_nothing_is_outdated_that_this_release_made() -> None:
    assert not any(is_outdated(format_, DECODING_REVISION, "a.wav") for format_ in ("wav/pcm_16", None))


@pytest.mark.parametrize("extension", sorted(AUDIO_EXTENSIONS))
def test_the_containers_of_every_extension_are_known(monkeypatch: pytest.MonkeyPatch, extension: str) -> None:
    """Rows of earlier releases have no format: a fix of RealMedia, say, is none of their business."""
    monkeypatch.setattr(decoding_revision, "DECODING_REVISION", 1)
    monkeypatch.setattr(decoding_revision, "REVISED", {"realmedia": 1})
    assert not is_outdated(None, None, f"a{extension}")
    assert is_outdated(None, None, "a.unknown")


@pytest.mark.parametrize("format_", ["wav/gsm610", "w64/ms_adpcm", "aiff/ima_adpcm", "au/g723_40", "wavex/pcm_24"])
def test_what_revision_1_decodes_otherwise(format_: str) -> None:
    assert is_outdated(format_, 0, "a")


@pytest.mark.parametrize("format_", ["wav/pcm_16", "wavex/float", "aiff/pcm_24", "au/ulaw", "caf/alac_16"])
def test_what_revision_1_decodes_as_before(format_: str) -> None:
    assert not is_outdated(format_, 0, "a.wav")
