"""Every part of the latent code swept while the rest is held (Chen et al., 2016, figure 2)."""

from __future__ import annotations

from itertools import product
from typing import NamedTuple

import torch
from matplotlib.figure import Figure
from torch import Tensor

from models.noise import Uniform
from models.specs import Control
from training.evaluation.generator import Gallery
from training.evaluation.plots.image_grid import in_rows, sheet_of, show
from training.evaluation.plots.plot import Picture

_STEPS = 10
_MOST_ROWS = 10
_MOST_PANELS = 4
_WIDE = 2.5
"""Standard deviations to either side, where a code has no ends."""


class Panel(NamedTuple):
    """Images ``(rows, columns, channels, height, width)``, and what rows and columns are called."""

    tiles: Tensor
    title: str
    rows: list[str]
    columns: list[str]


def draw(gallery: Gallery) -> Figure:
    """Values of a categorical code down and of a continuous one across, or whichever there is."""
    kinds = {kind: [c for c in drawn(gallery) if c.kind == kind] for kind in ("categorical", "continuous", "vector")}
    if pairs := list(product(kinds["categorical"], kinds["continuous"])):
        panels = [two_codes(gallery, *pair) for pair in pairs[:_MOST_PANELS]]
    elif alone := kinds["categorical"] or kinds["continuous"]:
        panels = [one_code(gallery, control) for control in alone[:_MOST_PANELS]]
    else:
        panels = [units(gallery, control) for control in kinds["vector"][:_MOST_PANELS]]
    figure, axes = sheet_of(len(panels), *(max(p.tiles.shape[side] for p in panels) for side in (0, 1)))
    for one, panel in zip(axes, panels, strict=True):
        show(one, *panel)
    return figure


def drawn(gallery: Gallery) -> list[Control]:
    """Controls of what is drawn from the seed if a request leaves it out."""
    sites = {site.name for site in gallery.generator.sites}
    return [control for control in gallery.generator.controls if control.name in sites]


def two_codes(gallery: Gallery, down: Control, across: Control) -> Panel:
    """One seed, and every pair of values."""
    pairs = list(product(values(gallery, down), values(gallery, across)))
    codes = {down.name: [first for first, _ in pairs], across.name: [second for _, second in pairs]}
    images = gallery.images(gallery.seeds(0, 1) * len(pairs), codes)
    tiles = in_rows(images, len(values(gallery, across)))
    return Panel(tiles, f"{down.name} down, {across.name} across", _names(gallery, down), _names(gallery, across))


def one_code(gallery: Gallery, control: Control) -> Panel:
    """Another seed in every row."""
    columns = values(gallery, control)
    seeds = [seed for seed in gallery.seeds(0, _MOST_ROWS) for _ in columns]
    tiles = in_rows(gallery.images(seeds, {control.name: columns * _MOST_ROWS}), len(columns))
    return Panel(tiles, f"{control.name} across", [], _names(gallery, control))


def units(gallery: Gallery, control: Control) -> Panel:
    """One seed, and another number of a vector in every row."""
    columns, rows = torch.tensor(values(gallery, control)), min(_MOST_ROWS, control.size)
    seeds = gallery.seeds(0, 1) * (rows * len(columns))
    whole = gallery.generator.latents(seeds)[control.name].clone()
    whole[torch.arange(len(whole)), torch.arange(rows).repeat_interleave(len(columns))] = columns.repeat(rows)
    tiles = in_rows(gallery.images(seeds, {control.name: whole.tolist()}), len(columns))
    return Panel(tiles, "one number a row", [f"{control.name}[{i}]" for i in range(rows)], _names(gallery, control))


def values(gallery: Gallery, control: Control) -> list[float]:
    """From end to end of a control, or of what is likely where it has no ends."""
    if control.kind == "categorical":
        return [float(value) for value in range(int(control.low), int(control.high) + 1)][:_MOST_ROWS]
    law = next(site.distribution for site in gallery.generator.sites if site.name == control.name)
    ends = (law.low, law.high) if isinstance(law, Uniform) else (-_WIDE, _WIDE)
    return torch.linspace(*ends, _STEPS).clamp(control.low, control.high).tolist()


def _names(gallery: Gallery, control: Control) -> list[str]:
    return [f"{value:.2g}" for value in values(gallery, control)]


PICTURE = Picture(
    "traversals",
    "Parts of the latent code swept from end to end while the rest of it is held.",
    lambda gallery: bool(drawn(gallery)),
    draw,
)
