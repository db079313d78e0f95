"""The search for the config, all steps in order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from melcli.config.named_configs import named_configs
from melcli.config.resolve import resolve_config
from melcli.errors import ConfigError
from melcli.identify.candidates import Candidate, named, rivals, searched
from melcli.identify.clip import open_clips
from melcli.identify.doubts import doubts
from melcli.identify.effort import Effort
from melcli.identify.joint import JointSettling
from melcli.identify.limits import Untold, untold
from melcli.identify.naming import Answer, name
from melcli.identify.observation import observations
from melcli.identify.refine import Settling
from melcli.identify.resampled import resampled_otherwise
from melcli.mel.options import FeatureOptions

__all__ = ["Identification", "identify", "named_options"]

MIN_AXIS_LENGTH = 4  # frames, and mels; of fewer everything could be said
MAX_MEL_BINS = 512  # the other axis is time; twice what any front end has
MAX_FEATURE = float(np.finfo(np.float32).max)
# Of the range, at the 99.9th percentile: what rounding in float32 leaves of packages that round otherwise.
MAX_EXACT_RESIDUAL = 6e-5
MAX_ROUNDINGS = 3.0  # times what float32 and float64 differ by: two programs that round in another order
MAX_ROUNDED_RESIDUAL = 3e-4  # of the range: beyond it, other options agree as well
MAX_CLOSE_RESIDUAL = 3e-3  # of the range: what another resampler leaves


@dataclass(frozen=True, slots=True, kw_only=True)
class Identification:
    """What may have made the features, the nearest first.

    Attributes
    ----------
    answers : tuple of Answer
        None where no config of any kind gives features of this shape.
    untold : Untold
        Keys of the first answer that other values would do as well for on this clip, with these values.
    exact : float
        What rounding leaves, in parts of the range of the features.
    channels : "mix" or int
        How the channels of the file were taken.
    doubts : tuple of str
        Why the first answer, though it agrees, may be wrong about another file.
    resampler : str
        Key ``resampler`` of section ``audio``.
    other_resampler : str or None
        What brought the audio to another rate, where no config can: a package's own name for it.
    """

    answers: tuple[Answer, ...]
    untold: Untold
    exact: float
    channels: str | int
    doubts: tuple[str, ...] = ()
    resampler: str = "soxr_hq"
    other_resampler: str | None = None

    @property
    def options(self) -> FeatureOptions | None:
        """The nearest options."""
        return self.answers[0].options if self.answers else None

    @property
    def certainty(self) -> str:
        """How sure the first answer is.

        ``exact`` where only rounding is left; ``undecided`` where that is so, but numbers of the answer may be those of
        this clip; ``close`` where as much is left as another resampler leaves; or ``none``.
        """
        relative = self.answers[0].difference.relative if self.answers else 1.0
        if relative < self.exact:
            return "undecided" if self.doubts else "exact"
        return "close" if relative < MAX_CLOSE_RESIDUAL else "none"


def named_options() -> dict[str, FeatureOptions]:
    """Return the features of all named configs."""
    return {config: resolve_config(config).features for config in named_configs()}


def identify(
    audio_path: str,
    features: np.ndarray,
    *,
    known: Mapping[str, FeatureOptions] | None = None,
    more: Sequence[tuple[str, np.ndarray]] = (),
    top: int = 5,
    effort: Effort | None = None,
) -> Identification:
    """Find what made features from an audio file, or from several.

    Parameters
    ----------
    audio_path : str
    features : np.ndarray [shape=(mels, frames) or (frames, mels)]
        Axes of length 1 in front are skipped.
    more : sequence of (str, np.ndarray), optional
        Further audio files and their features, which the same config has to explain.
    known : Mapping of str to FeatureOptions, optional
        Configs that are tried and named; all that come with melcli by default.
    top : int
        Answers that are returned at most.
    effort : Effort, optional
        How much may be tried before the nearest is the answer.

    Raises
    ------
    ConfigError
        Nothing can be told from such features: other axes, too few frames, values that are no numbers or all the same.
    AudioError
        The audio cannot be read.
    """
    known = named_options() if known is None else known
    matrices = [_matrix(features), *(_matrix(other) for _, other in more)]
    exact = max(MAX_EXACT_RESIDUAL, *map(_rounding, matrices))
    views = _views([audio_path, *(path for path, _ in more)], matrices, list(known.values()))
    found = [candidate for view in views for candidate in named(view, known)]
    if not any(candidate.relative < exact for candidate in found):
        effort = effort or Effort()
        effort.multiply(len({view.clip.audio.channels for view in views}))
        found += searched(views, known, exact, effort)
    resampler = None
    if found and not any(candidate.relative < exact for candidate in found):
        other, resampler = resampled_otherwise(min(found, key=lambda candidate: candidate.relative), known, exact)
        found += [] if other is None else [other]
    if found:
        found += rivals(min(found, key=lambda candidate: candidate.relative), known)
    answers, view = _answers(found, known, top)
    exact = max(exact, 0.0 if view is None else _rounding_of(answers[0], view, exact))
    left = Untold({}) if view is None else _left_open(answers[0], view, known)
    return Identification(
        answers=tuple(answers),
        untold=left,
        exact=exact,
        channels="mix" if view is None else view.clip.audio.channels,
        resampler="soxr_hq" if view is None else view.clip.audio.resampler,
        other_resampler=resampler,
        doubts=() if view is None or more else doubts(answers[0].options, view, known.values(), left),
    )


def _views(
    audio_paths: Sequence[str], matrices: Sequence[np.ndarray], known: Sequence[FeatureOptions]
) -> list[Settling]:
    """Return the ways in which features and channels may be meant, the same for all pairs."""
    opened = [open_clips(path) for path in audio_paths]
    seen_first = [seen for seen in observations(matrices[0]) if seen.num_features <= MAX_MEL_BINS]
    views: list[Settling] = []
    for number in range(len(opened[0])):
        clips = [clips[number] for clips in opened if number < len(clips)]
        if len(clips) < len(opened):
            continue  # not all files have this number of channels
        for seen in seen_first:
            alike = [seen, *(seen.alike(matrix) for matrix in matrices[1:])]
            parts = [
                Settling(each, view, known, rounding=_unit(matrix))
                for each, view, matrix in zip(clips, alike, matrices, strict=True)
            ]
            views.append(JointSettling(parts[0], parts[1:]) if len(parts) > 1 else parts[0])
    return views


def _matrix(features: np.ndarray) -> np.ndarray:
    """Return features with two axes, or refuse them."""
    while features.ndim > 2 and features.shape[0] == 1:
        features = features[0]
    if features.ndim != 2:
        raise ConfigError(f"features of shape {features.shape} must have two axes, mels and frames")
    if min(features.shape) < MIN_AXIS_LENGTH:
        raise ConfigError(
            f"features of shape {features.shape} must have {MIN_AXIS_LENGTH} mels and {MIN_AXIS_LENGTH} frames at least"
        )
    if not np.isfinite(features).all():
        raise ConfigError(f"{np.count_nonzero(~np.isfinite(features))} of {features.size} features are NaN or infinite")
    if features.min() == features.max():
        raise ConfigError(f"all features are {features.flat[0]:g}, which any config could have made")
    if max(-float(features.min()), float(features.max())) > MAX_FEATURE:
        raise ConfigError(f"features beyond {MAX_FEATURE:g} are no mels")
    return features


def _rounding(features: np.ndarray) -> float:
    """Return what the features' own type leaves of them, in parts of their range."""
    exact = features.astype(np.float64)
    unit = _unit(features) * np.abs(exact).max() if features.dtype.kind == "f" else 1.0
    return float(unit / np.ptp(exact))


def _rounding_of(answer: Answer, view: Settling, exact: float) -> float:
    """Return what rounding in float32 may leave of the features of an answer that nearly agrees.

    Of features whose variation is small beside what is added under the logarithm, or of quiet ones, that is more than
    of others.
    """
    if not exact <= answer.difference.relative < MAX_CLOSE_RESIDUAL:
        return 0.0
    in_double = view.features(replace(answer.options, compute_dtype="float64"))
    made = view.features(answer.options)
    if made is None or in_double is None:
        return 0.0
    left = MAX_ROUNDINGS * float(np.percentile(np.abs(made - in_double), 99.9)) / view.range
    return min(left, MAX_ROUNDED_RESIDUAL)


def _left_open(answer: Answer, view: Settling, known: Mapping[str, FeatureOptions]) -> Untold:
    return untold(answer.options, view, known.values(), residual=answer.difference.relative)


def _unit(features: np.ndarray) -> float:
    return float(np.finfo(features.dtype).eps) if features.dtype.kind == "f" else 0.0


def _answers(
    found: list[Candidate], known: Mapping[str, FeatureOptions], top: int
) -> tuple[list[Answer], Settling | None]:
    """Name the nearest candidates; return them, and the view of the features that the nearest was held against."""
    answers: list[Answer] = []
    view = None
    for candidate in sorted(found, key=lambda candidate: (candidate.relative, not candidate.is_as_named(known))):
        if view is not None and candidate.settling.clip is not view.clip:  # other channels are another signal
            continue
        answer = name(candidate.options, candidate.settling, known, base=candidate.base)
        if answer is None or any(_alike(answer, other) for other in answers):
            continue
        view = view or candidate.settling
        answers.append(answer)
        if len(answers) == top:
            break
    return answers, view


def _alike(one: Answer, other: Answer) -> bool:
    """Return whether two answers give the same features, as ``hifigan`` and ``matcha`` do."""
    return all(
        np.isclose(getattr(one.difference, figure), getattr(other.difference, figure), rtol=1e-6, atol=0)
        for figure in ("maximum", "p999", "mean")
    )
