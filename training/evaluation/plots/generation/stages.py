"""The stages of a progressive generator: the same codes at every resolution (Karras et al., 2018)."""

from __future__ import annotations

import torch
from matplotlib.figure import Figure
from torch import Tensor
from torch.nn import functional as F

from models.specs import Control
from training.evaluation.generator import GeneratorEvaluation
from training.evaluation.plots.image_grid import sheet_of, show
from training.evaluation.plots.plot import Plot

CONTROL = "resolution"
_SEEDS = 10


def draw(evaluation: GeneratorEvaluation) -> Figure:
    """Draw a stage in every row."""
    (control,) = (control for control in evaluation.generator.controls if control.name == CONTROL)
    figure, (axes,) = sheet_of(1, len(control.choices), _SEEDS)
    show(axes, stages(evaluation, control), CONTROL, rows=control.choices)
    return figure


def stages(evaluation: GeneratorEvaluation, control: Control) -> Tensor:
    """Generate the same seeds at every resolution; small images are enlarged.

    Returns:
        Images ``(stages, seeds, channels, height, width)`` in [0, 1].
    """
    generated = [evaluation.images(evaluation.seeds(0, _SEEDS), {CONTROL: name}) for name in control.choices]
    largest = max((stage.shape[2:] for stage in generated), key=lambda sides: sides[0])
    return torch.stack([F.interpolate(stage, largest, mode="nearest") for stage in generated])


PLOT = Plot(
    "stages",
    "The same latent codes at every resolution that the generator grew through.",
    lambda evaluation: any(c.name == CONTROL and c.kind == "choice" for c in evaluation.generator.controls),
    draw,
)
