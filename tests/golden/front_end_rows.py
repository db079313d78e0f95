"""The rows of docs/parity.md on the front ends: who was asked, about what, and how far ours lies from it."""

from __future__ import annotations

from melcli.mel.options import FeatureOptions
from tests.golden.distances import UNVERIFIED, front_end, golden_configs, measured_on, read_golden, read_measured

__all__ = ["HEAD", "VERIFIED_HEAD", "rows", "settings_in_short", "verified_rows"]

HEAD = ("config", "reference", "settings", "maximum", "p99.9", "mean", "unit", "ours in float64", "measured")
VERIFIED_HEAD = ("held against", "number", "configs")


def rows() -> list[tuple[str, ...]]:
    """Give one row for each config: the verified ones by name, then the others with the reason."""
    unverified = [(f"`{name}`", "unverified", reason, *[""] * 6) for name, reason in sorted(UNVERIFIED.items())]
    return [_row(name) for name in golden_configs()] + unverified


def verified_rows() -> list[tuple[str, str, str]]:
    """Count the configs by what they are held against, and name all that are not held against a package's own call."""
    restated = [name for name in golden_configs() if read_golden(name).about["restated"]]
    return [
        ("the call of a package", str(len(golden_configs()) - len(restated)), "all others"),
        ("a call rewritten [r]", str(len(restated)), _names(restated)),
        ("nothing: unverified", str(len(UNVERIFIED)), _names(sorted(UNVERIFIED))),
    ]


def settings_in_short(options: FeatureOptions) -> str:
    """Say in a few words what a front end does: rate, frames, window, ends, spectrum, filters, logarithm."""
    window = options.window if isinstance(options.window, str) else f"{options.window_length} numbers"
    padding = options.padding if isinstance(options.padding, str) else "{}+{}".format(*options.padding)
    words = [
        f"{options.sampling_rate / 1000:g} kHz",
        f"{options.window_length} of {options.fft_length} by {options.sequence_stride}",
        f"{window} {'periodic' if options.window_periodic else 'symmetric'}",
        padding if padding == "valid" else f"{padding} {options.pad_mode}",
        f"magnitude^{options.mag_exp:g}",
        f"{options.num_mel_bins} {options.mel_scale}{', normed' if options.mel_norm else ''} "
        f"{options.min_freq:g}-{options.upper_edge_hz:g} Hz",
        f"slopes in {options.mel_triangles}",
        "dB" if options.power_to_db else options.log or "linear",
    ]
    return "; ".join(words + ([f"{options.num_ceps} cepstra"] if options.num_ceps else []))


def _names(configs: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in configs) or "none"


def _row(config: str) -> tuple[str, ...]:
    about = read_golden(config).about
    packages = ", ".join(f"{package} {version}" for package, version in about["packages"].items())
    asked = f"{packages}: {about['source']}{' [r]' if about['restated'] else ''}"
    single, double = read_measured(config, "float32"), read_measured(config, "float64")
    truth = "" if about["made_in"] == "float32" else f"{double.maximum:.1e}"
    return (
        f"`{config}`",
        asked,
        settings_in_short(front_end(config).options),
        *(f"{figure:.1e}" for figure in single),
        about["unit"],
        truth,
        measured_on(config),
    )
