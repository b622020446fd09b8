"""Latent traversals: every part of the code swept while the rest is held (Chen et al., 2016, figure 2)."""

from __future__ import annotations

from itertools import product
from typing import NamedTuple

import torch
from matplotlib.figure import Figure
from torch import Tensor

from models.noise import Uniform
from models.specs import Control
from training.evaluation.generator import GeneratorEvaluation
from training.evaluation.plots.image_grid import in_rows, sheet_of, show
from training.evaluation.plots.plot import Plot

_STEPS = 10
_MOST_ROWS = 10
_MOST_PANELS = 4
_WIDE = 2.5
"""Standard deviations to either side, where a code has no ends."""


class Panel(NamedTuple):
    """A grid of images ``(rows, columns, channels, height, width)`` with the names of its rows and columns."""

    grid: Tensor
    title: str
    rows: list[str]
    columns: list[str]


def draw(evaluation: GeneratorEvaluation) -> Figure:
    """Draw values of a categorical code down and of a continuous one across, or of whichever there is."""
    controls = seeded_controls(evaluation)
    kinds = {kind: [c for c in controls if c.kind == kind] for kind in ("categorical", "continuous", "vector")}
    if pairs := list(product(kinds["categorical"], kinds["continuous"])):
        panels = [two_codes(evaluation, *pair) for pair in pairs[:_MOST_PANELS]]
    elif alone := kinds["categorical"] or kinds["continuous"]:
        panels = [one_code(evaluation, control) for control in alone[:_MOST_PANELS]]
    else:
        panels = [units(evaluation, control) for control in kinds["vector"][:_MOST_PANELS]]
    figure, axes = sheet_of(len(panels), *(max(p.grid.shape[side] for p in panels) for side in (0, 1)))
    for one, panel in zip(axes, panels, strict=True):
        show(one, *panel)
    return figure


def seeded_controls(evaluation: GeneratorEvaluation) -> list[Control]:
    """Return the controls of those codes that are drawn from the seed when a request leaves them out."""
    sites = {site.name for site in evaluation.generator.sites}
    return [control for control in evaluation.generator.controls if control.name in sites]


def two_codes(evaluation: GeneratorEvaluation, down: Control, across: Control) -> Panel:
    """Return the images of one seed under every pair of values."""
    pairs = list(product(values(evaluation, down), values(evaluation, across)))
    codes = {down.name: [first for first, _ in pairs], across.name: [second for _, second in pairs]}
    images = evaluation.images(evaluation.seeds(0, 1) * len(pairs), codes)
    grid = in_rows(images, len(values(evaluation, across)))
    return Panel(grid, f"{down.name} down, {across.name} across", _names(evaluation, down), _names(evaluation, across))


def one_code(evaluation: GeneratorEvaluation, control: Control) -> Panel:
    """Return the images of a code's values, another seed in every row."""
    columns = values(evaluation, control)
    seeds = [seed for seed in evaluation.seeds(0, _MOST_ROWS) for _ in columns]
    grid = in_rows(evaluation.images(seeds, {control.name: columns * _MOST_ROWS}), len(columns))
    return Panel(grid, f"{control.name} across", [], _names(evaluation, control))


def units(evaluation: GeneratorEvaluation, control: Control) -> Panel:
    """Return the images of one seed, with another number of a vector swept in every row."""
    columns, rows = torch.tensor(values(evaluation, control)), min(_MOST_ROWS, control.size)
    seeds = evaluation.seeds(0, 1) * (rows * len(columns))
    whole = evaluation.generator.latents(seeds)[control.name].clone()
    whole[torch.arange(len(whole)), torch.arange(rows).repeat_interleave(len(columns))] = columns.repeat(rows)
    grid = in_rows(evaluation.images(seeds, {control.name: whole.tolist()}), len(columns))
    return Panel(grid, "one number a row", [f"{control.name}[{i}]" for i in range(rows)], _names(evaluation, control))


def values(evaluation: GeneratorEvaluation, control: Control) -> list[float]:
    """Return values from end to end of a control, or of what is likely where it has no ends."""
    if control.kind == "categorical":
        return [float(value) for value in range(int(control.low), int(control.high) + 1)][:_MOST_ROWS]
    distribution = next(site.distribution for site in evaluation.generator.sites if site.name == control.name)
    ends = (distribution.low, distribution.high) if isinstance(distribution, Uniform) else (-_WIDE, _WIDE)
    return torch.linspace(*ends, _STEPS).clamp(control.low, control.high).tolist()


def _names(evaluation: GeneratorEvaluation, control: Control) -> list[str]:
    return [f"{value:.2g}" for value in values(evaluation, control)]


PLOT = Plot(
    "traversals",
    "Parts of the latent code swept from end to end while the rest of it is held.",
    lambda evaluation: bool(seeded_controls(evaluation)),
    draw,
)
