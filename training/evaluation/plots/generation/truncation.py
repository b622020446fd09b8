"""The truncation trick: styles pulled to their mean, diversity traded for fidelity (Karras et al., 2019, figure 8)."""

from __future__ import annotations

from matplotlib.figure import Figure

from training.evaluation.generator import GeneratorEvaluation
from training.evaluation.plots.image_grid import in_rows, sheet_of, show
from training.evaluation.plots.plot import Plot

CONTROL = "truncation_psi"
_PSI = (1.0, 0.7, 0.5, 0.3, 0.0)
_ROWS = 6


def draw(evaluation: GeneratorEvaluation) -> Figure:
    """Draw another seed in every row."""
    seeds = [seed for seed in evaluation.seeds(0, _ROWS) for _ in _PSI]
    images = evaluation.images(seeds, {CONTROL: _PSI * _ROWS})
    figure, (axes,) = sheet_of(1, _ROWS, len(_PSI))
    show(axes, in_rows(images, len(_PSI)), CONTROL, columns=[f"{psi:g}" for psi in _PSI])
    return figure


PLOT = Plot(
    "truncation",
    "The truncation trick: from an image's own styles (1) to the mean of all (0), a seed in every row.",
    lambda evaluation: any(control.name == CONTROL for control in evaluation.generator.controls),
    draw,
)
