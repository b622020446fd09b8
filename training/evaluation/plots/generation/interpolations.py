"""Images between two latent codes: a generator should show images there too, not mixtures of pixels."""

from __future__ import annotations

import torch
from matplotlib.figure import Figure
from torch import Tensor

from models.generation.latent_traversal import interpolate
from training.evaluation.generator import GeneratorEvaluation
from training.evaluation.plots.generation.traversals import seeded_controls
from training.evaluation.plots.image_grid import sheet_of, show
from training.evaluation.plots.plot import Plot

_ROWS = 8
_STEPS = 10


def draw(evaluation: GeneratorEvaluation) -> Figure:
    """Draw a path in every row."""
    figure, (axes,) = sheet_of(1, _ROWS, _STEPS)
    show(axes, interpolate_images(evaluation), "between the codes of two seeds")
    return figure


def interpolate_images(evaluation: GeneratorEvaluation) -> Tensor:
    """Generate images between two seeds in every row; codes with nothing in between keep their first value.

    Returns:
        Images ``(rows, steps, channels, height, width)`` in [0, 1].
    """
    generator = evaluation.generator
    starts, ends = (generator.latents(evaluation.seeds(*span)) for span in ((0, _ROWS), (_ROWS, 2 * _ROWS)))
    moving = {control.name for control in seeded_controls(evaluation) if starts[control.name].is_floating_point()}
    ends = {name: ends[name] if name in moving else part for name, part in starts.items()}
    pairs = [{name: torch.stack([part[row], ends[name][row]]) for name, part in starts.items()} for row in range(_ROWS)]
    return torch.stack([generator.generate(interpolate(generator, pair, _STEPS, "slerp")).cpu() for pair in pairs])


PLOT = Plot(
    "interpolations",
    "Images along the path between the latent codes of two seeds, a pair in every row.",
    lambda evaluation: any(control.kind != "categorical" for control in seeded_controls(evaluation)),
    draw,
)
