"""Everything that a latent code of two numbers can generate (Kingma & Welling, 2014, figure 4)."""

from __future__ import annotations

import torch
from matplotlib.figure import Figure
from torch import Tensor

from models.noise import Normal
from training.evaluation.generator import GeneratorEvaluation
from training.evaluation.plots.image_grid import in_rows, sheet_of, show
from training.evaluation.plots.plot import Plot

_SIDE = 20


def draw(evaluation: GeneratorEvaluation) -> Figure:
    """Draw a square of equal probabilities: the first number grows to the right, the second upwards."""
    (site,) = evaluation.generator.sites
    images = evaluation.images(evaluation.seeds(0, 1) * _SIDE**2, {site.name: plane().tolist()})
    figure, (axes,) = sheet_of(1, _SIDE, _SIDE)
    show(axes, in_rows(images, _SIDE), f"the plane of {site.name}, equal shares of its probability")
    return figure


def plane() -> Tensor:
    """Return codes ``(side * side, 2)`` row by row, at equally spaced quantiles of the normal distribution."""
    quantiles = torch.special.ndtri((torch.arange(_SIDE) + 0.5) / _SIDE)
    return torch.cartesian_prod(-quantiles, quantiles).flip(-1)


def suits(evaluation: GeneratorEvaluation) -> bool:
    """Return whether the whole latent code is two normal numbers."""
    sites = evaluation.generator.sites
    return len(sites) == 1 and sites[0].shape == (2,) and isinstance(sites[0].distribution, Normal)


PLOT = Plot(
    "manifold",
    "The plane of the two numbers of the code, in equal steps of their probability.",
    suits,
    draw,
)
