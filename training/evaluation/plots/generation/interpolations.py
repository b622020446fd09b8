"""From one code to another: in between there shall be images too, not mixtures of pixels."""

from __future__ import annotations

import torch
from matplotlib.figure import Figure
from torch import Tensor

from models.generation.latent_traversal import interpolate
from training.evaluation.generator import Gallery
from training.evaluation.plots.generation.traversals import drawn
from training.evaluation.plots.image_grid import sheet_of, show
from training.evaluation.plots.plot import Picture

_ROWS = 8
_STEPS = 10


def draw(gallery: Gallery) -> Figure:
    """The ways, without names."""
    figure, (axes,) = sheet_of(1, _ROWS, _STEPS)
    show(axes, ways(gallery), "between the codes of two seeds")
    return figure


def ways(gallery: Gallery) -> Tensor:
    """Every row between its own two seeds, ``(rows, steps, channels, height, width)``; what has no between is held."""
    generator = gallery.generator
    starts, ends = (generator.latents(gallery.seeds(*some)) for some in ((0, _ROWS), (_ROWS, 2 * _ROWS)))
    moving = {control.name for control in drawn(gallery) if starts[control.name].is_floating_point()}
    ends = {name: ends[name] if name in moving else part for name, part in starts.items()}
    pairs = [{name: torch.stack([part[row], ends[name][row]]) for name, part in starts.items()} for row in range(_ROWS)]
    return torch.stack([generator.generate(interpolate(generator, pair, _STEPS, "slerp")).cpu() for pair in pairs])


PICTURE = Picture(
    "interpolations",
    "Images along the way between the latent codes of two seeds, a pair in every row.",
    lambda gallery: any(control.kind != "categorical" for control in drawn(gallery)),
    draw,
)
