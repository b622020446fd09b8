"""What a generator makes, beside real images: nothing is picked by hand."""

from __future__ import annotations

from matplotlib.figure import Figure

from training.evaluation.generator import SHOWN, Gallery
from training.evaluation.plots.image_grid import in_rows, sheet_of, show
from training.evaluation.plots.plot import Picture

_COLUMNS = 10


def draw(gallery: Gallery) -> Figure:
    """The images of the first hundred seeds, and a hundred real ones."""
    figure, (left, right) = sheet_of(2, SHOWN // _COLUMNS, _COLUMNS)
    show(left, in_rows(gallery.images(gallery.seeds(0, SHOWN)), _COLUMNS), f"made, seeds from {gallery.seed}")
    show(right, in_rows(gallery.real[:SHOWN], _COLUMNS), "real")
    return figure


PICTURE = Picture(
    "samples",
    "Made images of one hundred seeds in a row, and real images that nothing was fitted to.",
    lambda gallery: True,
    draw,
)
