"""The inputs of a stranger's network, as the command line states them."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, get_args

from models.pictures import PictureSpec
from models.specs import InputSpec
from training.errors import ImportModelError
from training.run.importing.schema import MOST_NUMBERS, read_schema

Kind = Literal["image", "volume", "sequence", "tokens", "table"]
Bits = Literal["8", "16", "any"]
BITS: tuple[Bits, ...] = get_args(Bits)
_KINDS: dict[str, tuple[Kind, int]] = {
    "image": ("image", 3),
    "volume": ("volume", 4),
    "sequence": ("sequence", 2),
    "tokens": ("tokens", 2),
    "table": ("table", 1),
}
"""Kind of a row by its name, with its number of axes."""
_WHITE, _WHITE_16 = 255.0, 65535.0
_BITS_OF_WHITE = {_WHITE: 8, _WHITE_16: 16}
"""Bits of the files whose levels are the values of rows, by the level of white."""


def parse_inputs(
    text: str, mean: Sequence[float], scale: Sequence[float], span: Sequence[float] = (), bits: Bits | None = None
) -> tuple[InputSpec, str]:
    """Return the specification of inputs such as ``image:3x224x224``, and in words what was made of it.

    Args:
        text: Kind and shape of one row: ``image:CHANNELSxHEIGHTxWIDTH``, ``volume:CHANNELSxDEPTHxHEIGHTxWIDTH``,
            ``sequence:STEPSxFEATURES``, ``tokens:STEPSxIDS``, ``table:FEATURES``; or a JSON file that says more.
        mean: Mean that the network's rows had subtracted: one, or one for each channel or feature.
        scale: Deviation that they were divided by. Where all of an image's are at most 1, they are in units of white.
        span: Smallest and largest value of a row; empty for those of a picture's levels, or any.
        bits: Bits a channel of the picture files that are taken; ``None`` for those whose levels the values are.

    Raises:
        ImportModelError: if it has another form.
    """
    if text.endswith(".json"):
        if mean or scale or span or bits is not None:
            raise ImportModelError(f"{text} says what rows are: leave out --mean, --scale, --range and --bits")
        return read_schema(Path(text))
    name, _, sides = text.partition(":")
    kind, axes = _KINDS.get(name, ("table", 0))
    shape = tuple(int(side) for side in sides.split("x")) if re.fullmatch(r"\d{1,8}(x\d{1,8})*", sides) else ()
    if not axes or len(shape) != axes or not 0 < math.prod(shape) <= MOST_NUMBERS:
        raise ImportModelError(
            f"--inputs {text} is not understood: give image:3x224x224 (channels, height, width), volume:1x32x64x64"
            " (channels, depth, height, width), sequence:40x6 (steps, features), tokens:128x30522 (steps, number of"
            " ids) or table:8 (features), or a .json file that says what GET /models/NAME says of inputs"
        )
    if kind == "tokens":
        if mean or scale or span or bits is not None:
            raise ImportModelError("tokens are ids: leave out --mean, --scale, --range and --bits")
        steps, ids = shape
        told = f"the network reads ids of 0 to {ids - 1} as int64"
        return InputSpec("tokens", (steps,), low=0.0, high=ids - 1.0), told
    _check_standard(mean, scale, shape[0] if kind in ("image", "volume") else shape[-1])
    if span and (len(span) != 2 or not all(map(math.isfinite, span)) or span[0] >= span[1]):
        raise ImportModelError("--range takes the smallest and the largest value of a row, such as 0,65535")
    if kind != "image":
        if bits is not None:
            raise ImportModelError(f"--bits is of picture files, and a {kind} is none: leave it out")
        low, high = span or (None, None)
        spec = InputSpec(kind, shape, tuple(mean) or (0.0,), tuple(scale) or (1.0,), low, high)
        return spec, _words(mean, scale, f", values of {low:g} to {high:g}" if span else "")
    return _image(shape, mean, scale, span, bits)


def _check_standard(mean: Sequence[float], scale: Sequence[float], places: int) -> None:
    for name, values in (("mean", mean), ("scale", scale)):
        if len(values) not in (0, 1, places):
            raise ImportModelError(f"--{name} has {len(values)} numbers; give 1 or {places}")
    if any(value <= 0 or not math.isfinite(value) for value in scale):
        raise ImportModelError("--scale divides, so each of its numbers has to be above 0")


def _image(
    shape: tuple[int, ...], mean: Sequence[float], scale: Sequence[float], span: Sequence[float], bits: Bits | None
) -> tuple[InputSpec, str]:
    """Return the specification of images, and in words the range of their values."""
    largest = max((*mean, *scale), default=_WHITE)
    low, high = span or (0.0, _WHITE_16 if largest > _WHITE else _WHITE)
    taken = _BITS_OF_WHITE.get(high) if low == 0 else None
    if bits is not None:
        taken = None if bits == "any" else int(bits)
    in_white = largest <= 1 and low == 0
    unit = high if in_white else 1.0
    means, scales = (tuple(v * unit for v in values) for values in (mean or (0.0,), scale or (1.0,)))
    spec = InputSpec("image", shape, means, scales, low, high, picture=PictureSpec(None, taken))
    files = f"files have {taken} bits a channel" if taken else f"a file's black is {low:g} and its white {high:g}"
    pixels = f"pixels of 0 to 1 (a file's 0 to {high:g}, divided by {high:g})" if unit > 1 else ""
    assumed = "" if span else f"; --range says another than {low:g} to {high:g}"
    return spec, _words(mean, scale, f", {pixels or f'pixels of {low:g} to {high:g}'}; {files}{assumed}")


def _words(mean: Sequence[float], scale: Sequence[float], pixels: str) -> str:
    """Say how rows become what the network reads."""
    if not mean and not scale:
        return f"the network reads raw values{pixels}; --mean and --scale standardise them"
    listed = (", ".join(f"{value:g}" for value in values) or usual for values, usual in ((mean, "0"), (scale, "1")))
    return "the network reads (value - mean) / scale with mean {} and scale {}{}".format(*listed, pixels)
