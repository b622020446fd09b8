"""Many small images on one sheet."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor
from torch.nn import functional as F

from training.data.channels_to_rgb import channels_to_rgb
from training.evaluation.plots.plot import sheet

_GAPS = 16
"""A gap between two images is a sixteenth of a side, and at least a pixel."""
_SMALL = 32
"""Pixels. Images with sides up to this length are not scaled down on a sheet, so their pixels are shown as they are."""


def in_rows(images: Tensor, columns: int) -> Tensor:
    """Arrange images in rows, the last of which is filled up with white images.

    Args:
        images: Images ``(N, channels, height, width)`` in [0, 1].
        columns: Number of images in a row.

    Returns:
        Images ``(rows, columns, channels, height, width)``.
    """
    missing = -len(images) % columns
    full = torch.cat([images, images.new_ones(missing, *images.shape[1:])])
    return full.reshape(-1, columns, *images.shape[1:])


def show(axes: Axes, grid: Tensor, title: str = "", rows: Sequence[str] = (), columns: Sequence[str] = ()) -> None:
    """Draw a grid of images.

    Args:
        axes: Axes to draw on.
        grid: Images ``(R, C, channels, height, width)`` in [0, 1].
        title: Title of the axes.
        rows: Names of the rows, if they have names.
        columns: Names of the columns, if they have names.
    """
    high, wide = grid.shape[:2]
    gap = max(1, max(grid.shape[3:]) // _GAPS)
    framed = F.pad(channels_to_rgb(grid).clamp(0, 1), (0, gap, 0, gap), value=1.0)
    whole = framed.permute(0, 3, 1, 4, 2).flatten(2, 3).flatten(0, 1)
    pixels = whole.expand(-1, -1, 3).numpy() if whole.shape[-1] == 1 else whole.numpy()
    axes.imshow(
        pixels,
        extent=(0, wide, high, 0),
        aspect=grid.shape[3] / grid.shape[4],
        interpolation="nearest" if max(grid.shape[3:]) <= _SMALL else "antialiased",
    )
    axes.set_xticks([i + 0.5 for i in range(len(columns))], list(columns), fontsize="x-small")
    axes.set_yticks([i + 0.5 for i in range(len(rows))], list(rows), fontsize="x-small")
    axes.tick_params(length=0, top=False, labeltop=True, bottom=False, labelbottom=False)
    axes.spines[:].set_visible(False)
    axes.set_title(title, fontsize="medium")


def sheet_of(panels: int, rows: int, columns: int, across: int = 2) -> tuple[Figure, list[Axes]]:
    """Create a sheet with some panels that each have room for a grid of square images.

    Args:
        panels: Number of panels.
        rows: Rows of a grid.
        columns: Columns of a grid.
        across: Number of panels beside each other, at most.
    """
    across = min(across, panels)
    down = -(-panels // across)
    width = 7.4 if across > 1 else 5.6
    height = width / across * rows / columns + 0.35
    figure = sheet(width, down * height + 0.2)
    axes = list(figure.subplots(down, across, squeeze=False).flat)
    for empty in axes[panels:]:
        empty.set_axis_off()
    return figure, axes[:panels]
