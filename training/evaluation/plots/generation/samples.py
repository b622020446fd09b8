"""Generated images beside real ones; nothing is picked by hand."""

from __future__ import annotations

from matplotlib.figure import Figure

from training.evaluation.generator import SHOWN, GeneratorEvaluation
from training.evaluation.plots.image_grid import in_rows, sheet_of, show
from training.evaluation.plots.plot import Plot

_COLUMNS = 10


def draw(evaluation: GeneratorEvaluation) -> Figure:
    """Draw the images of the first hundred seeds, and a hundred real ones."""
    figure, (left, right) = sheet_of(2, SHOWN // _COLUMNS, _COLUMNS)
    generated = evaluation.images(evaluation.seeds(0, SHOWN))
    show(left, in_rows(generated, _COLUMNS), f"generated, seeds from {evaluation.seed}")
    show(right, in_rows(evaluation.real[:SHOWN], _COLUMNS), "real")
    return figure


PLOT = Plot(
    "samples",
    "Generated images of one hundred consecutive seeds, and real images that nothing was fitted to.",
    lambda evaluation: True,
    draw,
)
