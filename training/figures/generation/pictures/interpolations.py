"""From one code to another: in between there shall be images too, not mixtures of pixels."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from matplotlib.figure import Figure
from torch import Tensor

from models.noise import Categorical, Normal
from training.figures.generation.gallery import Gallery
from training.figures.generation.pictures.traversals import drawn
from training.figures.generation.tiles import sheet_of, show
from training.figures.picture import Picture

_ROWS = 8
_STEPS = 10


def draw(gallery: Gallery) -> Figure:
    """The ways, without names."""
    figure, (axes,) = sheet_of(1, _ROWS, _STEPS)
    show(axes, ways(gallery), "between the codes of two seeds")
    return figure


def ways(gallery: Gallery) -> Tensor:
    """Every row between its own two seeds, ``(rows, steps, channels, height, width)``."""
    generator = gallery.generator
    starts, ends = (generator.latents(gallery.seeds(*some)) for some in ((0, _ROWS), (_ROWS, 2 * _ROWS)))
    shares = torch.linspace(0, 1, _STEPS)
    return torch.stack([generator.generate(between(gallery, starts, ends, share)).cpu() for share in shares], 1)


def between(
    gallery: Gallery, starts: Mapping[str, Tensor], ends: Mapping[str, Tensor], share: Tensor
) -> dict[str, Tensor]:
    """Codes this share of the way: along the sphere for normal ones, else straight; the rest stays at the start's."""
    moved, named = dict(starts), {control.name for control in drawn(gallery)}
    for site in gallery.generator.sites:
        if site.name in named and not isinstance(site.law, Categorical):
            along = slerp if isinstance(site.law, Normal) and site.shape else torch.lerp
            moved[site.name] = along(starts[site.name], ends[site.name], share)
    return moved


def slerp(start: Tensor, end: Tensor, share: Tensor) -> Tensor:
    """Along the great circle between vectors ``(B, D)``, whose lengths stay those of normal ones (White, 2016)."""
    cosine = torch.cosine_similarity(start, end, dim=-1).clamp(-1 + 1e-6, 1 - 1e-6)
    angle = cosine.acos().unsqueeze(-1)
    return (((1 - share) * angle).sin() * start + (share * angle).sin() * end) / angle.sin()


PICTURE = Picture(
    "interpolations",
    "Images along the way between the latent codes of two seeds, a pair in every row.",
    lambda gallery: any(control.kind != "categorical" for control in drawn(gallery)),
    draw,
)
