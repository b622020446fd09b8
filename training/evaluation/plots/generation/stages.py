"""The stages of a generator that grew: the same codes at every resolution (Karras et al., 2018)."""

from __future__ import annotations

import torch
from matplotlib.figure import Figure
from torch import Tensor
from torch.nn import functional as F

from models.specs import Control
from training.evaluation.generator import Gallery
from training.evaluation.plots.image_grid import sheet_of, show
from training.evaluation.plots.plot import Picture

CONTROL = "resolution"
_SEEDS = 10


def draw(gallery: Gallery) -> Figure:
    """A stage in every row."""
    (control,) = (control for control in gallery.generator.controls if control.name == CONTROL)
    figure, (axes,) = sheet_of(1, len(control.choices), _SEEDS)
    show(axes, stages(gallery, control), CONTROL, rows=control.choices)
    return figure


def stages(gallery: Gallery, control: Control) -> Tensor:
    """Another seed in every column, ``(stages, seeds, channels, height, width)``; small images are enlarged."""
    made = [gallery.images(gallery.seeds(0, _SEEDS), {CONTROL: name}) for name in control.choices]
    largest = max((stage.shape[2:] for stage in made), key=lambda sides: sides[0])
    return torch.stack([F.interpolate(stage, largest, mode="nearest") for stage in made])


PICTURE = Picture(
    "stages",
    "The same latent codes at every resolution that the generator grew through.",
    lambda gallery: any(c.name == CONTROL and c.kind == "choice" for c in gallery.generator.controls),
    draw,
)
