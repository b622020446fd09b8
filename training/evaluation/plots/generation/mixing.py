"""Style mixing: the styles of some layers from one image, all others from another (Karras et al., 2019, figure 3)."""

from __future__ import annotations

import torch
from matplotlib.figure import Figure
from torch import Tensor

from models.generation.style import StyleMixer
from training.evaluation.generator import GeneratorEvaluation
from training.evaluation.plots.image_grid import sheet_of, show
from training.evaluation.plots.plot import Plot

_ROWS = 3
_COLUMNS = 6


def draw(evaluation: GeneratorEvaluation) -> Figure:
    """Draw the grid, with the level whose styles are copied beside its rows."""
    assert isinstance(evaluation.generator, StyleMixer)  # as the plot says
    grid = mixed_images(evaluation)
    names = [name if row == _ROWS // 2 else "" for name in evaluation.generator.levels for row in range(_ROWS)]
    figure, (axes,) = sheet_of(1, *grid.shape[:2])
    show(axes, grid, "styles copied from these", ["", *names])
    return figure


@torch.inference_mode()
def mixed_images(evaluation: GeneratorEvaluation) -> Tensor:
    """Generate for every level rows of images whose styles of that level come from the image that heads the column.

    Returns:
        Images ``(1 + levels * rows, 1 + columns, channels, height, width)``; first row and column are the sources.
    """
    generator = evaluation.generator
    assert isinstance(generator, StyleMixer)  # as the plot says
    rows = generator.latents(evaluation.seeds(0, _ROWS))
    columns = generator.latents(evaluation.seeds(_ROWS, _ROWS + _COLUMNS))
    repeated = {name: part.repeat_interleave(_COLUMNS, 0) for name, part in rows.items()}
    own, others = generator.styles(repeated), generator.styles(columns).repeat(_ROWS, 1, 1)
    heads = generator.generate(columns)
    parts = [torch.cat([torch.ones_like(heads[:1]), heads]).unsqueeze(0)]
    for layers in generator.levels.values():
        copied = torch.zeros(own.shape[1], 1, dtype=torch.bool)
        copied[layers.start : layers.stop] = True
        mixed = generator.generate({**repeated, "styles": torch.where(copied, others, own)})
        cells = mixed.reshape(_ROWS, _COLUMNS, *mixed.shape[1:])
        parts.append(torch.cat([generator.generate(rows).unsqueeze(1), cells], 1))
    return torch.cat(parts)


PLOT = Plot(
    "mixing",
    "Styles mixed: images of the left column with the coarse, middle or fine styles of those in the first row.",
    lambda evaluation: isinstance(evaluation.generator, StyleMixer),
    draw,
)
