"""Codes drawn to their mean: fidelity for diversity (Karras et al., 2019, figure 8)."""

from __future__ import annotations

from matplotlib.figure import Figure

from training.evaluation.generator import Gallery
from training.evaluation.plots.image_grid import in_rows, sheet_of, show
from training.evaluation.plots.plot import Picture

CONTROL = "truncation_psi"
_PSI = (1.0, 0.7, 0.5, 0.3, 0.0)
_ROWS = 6


def draw(gallery: Gallery) -> Figure:
    """Another seed in every row."""
    seeds = [seed for seed in gallery.seeds(0, _ROWS) for _ in _PSI]
    images = gallery.images(seeds, {CONTROL: _PSI * _ROWS})
    figure, (axes,) = sheet_of(1, _ROWS, len(_PSI))
    show(axes, in_rows(images, len(_PSI)), CONTROL, columns=[f"{psi:g}" for psi in _PSI])
    return figure


PICTURE = Picture(
    "truncation",
    "The truncation trick: styles from their own place (1) to the mean of all (0), a seed in every row.",
    lambda gallery: any(control.name == CONTROL for control in gallery.generator.controls),
    draw,
)
