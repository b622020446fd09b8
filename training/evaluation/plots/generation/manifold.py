"""All that a code of two numbers can make (Kingma & Welling, 2014, figure 4)."""

from __future__ import annotations

import torch
from matplotlib.figure import Figure
from torch import Tensor

from models.noise import Normal
from training.evaluation.generator import Gallery
from training.evaluation.plots.image_grid import in_rows, sheet_of, show
from training.evaluation.plots.plot import Picture

_SIDE = 20


def draw(gallery: Gallery) -> Figure:
    """A square of equal probabilities: the first number grows to the right, the second upwards."""
    (site,) = gallery.generator.sites
    images = gallery.images(gallery.seeds(0, 1) * _SIDE**2, {site.name: plane().tolist()})
    figure, (axes,) = sheet_of(1, _SIDE, _SIDE)
    show(axes, in_rows(images, _SIDE), f"the plane of {site.name}, equal shares of its probability")
    return figure


def plane() -> Tensor:
    """Codes ``(side * side, 2)``, row by row, through the inverse distribution function of the normal."""
    quantiles = torch.special.ndtri((torch.arange(_SIDE) + 0.5) / _SIDE)
    return torch.cartesian_prod(-quantiles, quantiles).flip(-1)


def suits(gallery: Gallery) -> bool:
    """Whether the whole code is two normal numbers."""
    sites = gallery.generator.sites
    return len(sites) == 1 and sites[0].shape == (2,) and isinstance(sites[0].distribution, Normal)


PICTURE = Picture(
    "manifold",
    "The plane of the two numbers of the code, in equal steps of their probability.",
    suits,
    draw,
)
