"""The inputs of a stranger's network, as the command line states them."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Literal

from models.specs import InputSpec
from training.errors import ImportModelError

Kind = Literal["image", "sequence", "table"]
_KINDS: dict[str, tuple[Kind, int]] = {"image": ("image", 3), "sequence": ("sequence", 2), "table": ("table", 1)}
"""Kind of a row by its name, with its number of axes."""
_WHITE = 255.0
_MOST_NUMBERS = 2**24


def parse_inputs(text: str, mean: Sequence[float], scale: Sequence[float]) -> tuple[InputSpec, str]:
    """Return the specification of inputs such as ``image:3x224x224``, and in words what was made of it.

    Args:
        text: Kind and shape of one row: ``image:CHANNELSxHEIGHTxWIDTH``, ``sequence:STEPSxFEATURES``,
            ``table:FEATURES``.
        mean: Mean that the network's rows had subtracted: one, or one for each channel or feature.
        scale: Deviation that they were divided by. Where all of an image's are at most 1, they are in units of white.

    Raises:
        ImportModelError: if it has another form.
    """
    name, _, sides = text.partition(":")
    kind, axes = _KINDS.get(name, ("table", 0))
    shape = tuple(int(side) for side in sides.split("x")) if re.fullmatch(r"\d{1,8}(x\d{1,8})*", sides) else ()
    if not axes or len(shape) != axes or not 0 < math.prod(shape) <= _MOST_NUMBERS:
        raise ImportModelError(
            f"--inputs {text} is not understood: give image:3x224x224 (channels, height, width), sequence:40x6 (steps,"
            " features) or table:8 (features)"
        )
    places = shape[0] if kind == "image" else shape[-1]
    for name, values in (("mean", mean), ("scale", scale)):
        if len(values) not in (0, 1, places):
            raise ImportModelError(f"--{name} has {len(values)} numbers; give 1 or {places}")
    if any(value <= 0 or not math.isfinite(value) for value in scale):
        raise ImportModelError("--scale divides, so each of its numbers has to be above 0")
    if kind != "image":
        return InputSpec(kind, shape, tuple(mean) or (0.0,), tuple(scale) or (1.0,)), _words(mean, scale, "")
    white = _WHITE if (mean or scale) and max((*mean, *scale)) <= 1 else 1.0
    means, scales = (tuple(v * white for v in values) for values in (mean or (0.0,), scale or (1.0,)))
    of_white = ", pixels of 0 to 1 (a file's 0 to 255, divided by 255)" if white > 1 else ", pixels of 0 to 255"
    return InputSpec("image", shape, means, scales, 0.0, _WHITE), _words(mean, scale, of_white)


def _words(mean: Sequence[float], scale: Sequence[float], pixels: str) -> str:
    """Say how rows become what the network reads."""
    if not mean and not scale:
        return f"the network reads raw values{pixels}; --mean and --scale standardise them"
    listed = (", ".join(f"{value:g}" for value in values) or usual for values, usual in ((mean, "0"), (scale, "1")))
    return "the network reads (value - mean) / scale with mean {} and scale {}{}".format(*listed, pixels)
