"""Hints for values of options that do not fit, and their types in words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

__all__ = ["hint_for_value", "type_in_words"]

# Words of other packages, and what they are called here.  Only words that the option takes are suggested.
_WORDS = {
    "float16": "fp16 f16 half",
    "float32": "fp32 f32 single float",
    "float64": "fp64 f64 double",
    "hann": "hanning hann_window",
    "hamming": "hamm hamming_window",
    "blackman": "blackmann blackman_window",
    "center": "centre centered reflect true",
    "valid": "none false",
    "kaldi": "snip_edges",
    "constant": "zeros zero",
    "reflect": "mirror",
    "mix": "mono mean downmix",
    "each": "all stereo split",
    "ln": "log natural loge",
    "log10": "lg",
    "hdf5": "h5 hdf",
    "npy": "numpy np",
    "max": "peak np.max",
    "true": "yes on y t 1",
    "false": "no off n f 0",
    "null": "none nil nan undefined",
}
_MEANT: dict[str, list[str]] = {}
for _name_here, _others in _WORDS.items():
    for _word in _others.split():
        _MEANT.setdefault(_word, []).append(_name_here)
_CHANNELS = {"left": 0, "right": 1}
_QUANTITY = re.compile(r"([-+]?(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:[eE][-+]?\d+)?)\s*([A-Za-z]*)")
_FACTORS = {"": 1, "k": 1000, "khz": 1000, "hz": 1, "db": 1, "samples": 1, "bins": 1, "mels": 1, "frames": 1}
_SECONDS = {"ms": 1e-3, "msec": 1e-3, "s": 1, "sec": 1}
_IN_SAMPLES = ("fft_length", "sequence_stride", "sequence_length", "num_samples", "pad_end", "padding")
_CLOSE = 0.75


def hint_for_value(key: str, value: Any, wanted: Any) -> str:
    """Suggest a value that fits, where it is clear what was meant; else nothing.

    Parameters
    ----------
    key : str
        The option.
    value : object
        Its value, which does not fit.
    wanted : type
        The annotation that it does not fit.
    """
    members = [*_members(wanted)]
    if isinstance(value, float) and int in members and value.is_integer():
        return f"write {int(value)}"
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        return ""
    text = str(value).strip()
    if re.search(r",\s*\w+=", text):
        return "repeat -s for each key"
    return _hint_for_word(text, members) or _hint_for_quantity(key, text, members)


def _hint_for_word(text: str, members: list[Any]) -> str:
    words = {"true", "false"} if bool in members else set()
    words |= {"null"} if type(None) in members else set()
    words |= {member for member in members if isinstance(member, str)}
    lowered = text.lower()
    if int in members and "mix" in words and lowered in _CHANNELS:
        return f"write {_CHANNELS[lowered]}, the number of the channel"
    meant = [word for word in [lowered, *_MEANT.get(lowered, ())] if word in words]
    alike = sorted(word for word in words if re.findall(r"\d+", word) == re.findall(r"\d+", lowered))
    import difflib  # late: workers never need it

    near = meant or difflib.get_close_matches(lowered, alike, n=1, cutoff=_CLOSE)
    return f"write {near[0]}" if near else ""


def _hint_for_quantity(key: str, text: str, members: list[Any]) -> str:
    parts = _QUANTITY.fullmatch(text)
    if parts is None or not {int, float} & {*members}:
        return ""
    number, unit = float(parts[1].replace(",", ".")), parts[2].lower()
    if unit in _SECONDS:
        return "it counts samples: multiply the seconds by the sampling rate" if key in _IN_SAMPLES else ""
    if unit not in _FACTORS:
        return ""
    number *= _FACTORS[unit]
    if float in members:
        return f"write {number!r}"
    return f"write {round(number)}" if abs(number - round(number)) < 1e-6 else ""


def type_in_words(wanted: Any) -> str:
    """Name an annotation as a user of YAML would."""
    members = [*_members(wanted)]
    words = [repr(member) for member in members if isinstance(member, (str, int)) and not isinstance(member, bool)]
    words += [_name(member) for member in members if not isinstance(member, (str, int))]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def _members(wanted: Any) -> Iterator[Any]:
    """Yield the types and the words that an annotation allows."""
    origin = get_origin(wanted)
    if origin in (Union, UnionType):
        for member in get_args(wanted):
            yield from _members(member)
    elif origin is Literal:
        yield from get_args(wanted)
    else:
        yield wanted


def _name(wanted: Any) -> str:
    if get_origin(wanted) is tuple:
        members = get_args(wanted)
        number = "" if members[-1] is Ellipsis else f"{len(members)} "
        numeric = set(members) <= {int, float, Ellipsis}
        kind = "numbers" if numeric else "texts" if members[0] is str else "values"
        return f"a list of {number}{kind}"
    names = {int: "an integer", float: "a number", bool: "true or false", str: "text", type(None): "null"}
    return names.get(wanted, str(getattr(wanted, "__name__", wanted)))
