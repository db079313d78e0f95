"""The comments that a config opens with, in their one form."""

import pytest

from melcli.config.labels import Labels, read_labels

WHOLE = """\
# Whisper's log-mel spectrogram.
# Equals: openai-whisper 20250625, whisper/audio.py,
#   log_mel_spectrogram(audio).
# Numbers: whisper/audio.py: N_FFT.
# Not covered: audio beyond 30 s.
# Also known as: large-v2,
#   distil-medium.en, WhisperFeatureExtractor
# Unverified: nobody has it.
base: keras
# Equals: what stands below the first key is no label.
"""


def test_every_label_is_read():
    assert read_labels(WHOLE.splitlines(keepends=True)) == Labels(
        description="Whisper's log-mel spectrogram.",
        equals="openai-whisper 20250625, whisper/audio.py, log_mel_spectrogram(audio).",
        numbers="whisper/audio.py: N_FFT.",
        not_covered="audio beyond 30 s.",
        aliases=("large-v2", "distil-medium.en", "WhisperFeatureExtractor"),
        unverified="nobody has it.",
    )


@pytest.mark.parametrize(
    "text, labels",
    [
        ("", Labels()),
        ("features: {}\n# later", Labels()),
        ("#", Labels()),
        ("#  What it is. \n# more", Labels(description="What it is.")),
        ("# Equals: a 1.\n", Labels(equals="a 1.")),
        ("# A sentence.\n#   indented\n", Labels(description="A sentence.")),
        ("# A.\n# Sources: no label\n#   that goes on\n# Equals: a 1.", Labels(description="A.", equals="a 1.")),
        ("# A.\n# Equals: a 1.\n# plain words\n#   and more of them\n", Labels(description="A.", equals="a 1.")),
        ("# A.\n# Also known as: , a,, b ,\n", Labels(description="A.", aliases=("a", "b"))),
        ("# A.\n# Unverified:\n#   at last\n", Labels(description="A.", unverified="at last")),
        ("# A.\n#Equals: a 1.\n", Labels(description="A.", equals="a 1.")),
        ("# A.\n# equals: not a label\n", Labels(description="A.")),
        ("# A.\n\n# Equals: after an empty line\n", Labels(description="A.")),
    ],
)
def test_other_comments_are_passed_over(text, labels):
    assert read_labels(text.splitlines(keepends=True)) == labels
