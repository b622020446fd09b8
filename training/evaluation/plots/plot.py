"""Plots look alike: in colours that colour-blind readers can tell apart, and in small files."""

from __future__ import annotations

import importlib
import io
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Generic, TypeVar

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

E = TypeVar("E")

BLUE, ORANGE, GREEN, RED, PURPLE, SKY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9"
"""Okabe & Ito (2008), Color Universal Design."""
GREY = "#777777"
LINES = (BLUE, ORANGE, GREEN, PURPLE, RED, SKY)

_DOTS_PER_INCH = 110
_COLOURS = (255, 128, 64, 32)
_LARGEST = 60_000


@dataclass(frozen=True)
class Plot(Generic[E]):
    """One kind of plot of an evaluation, of a predictor or of a generator.

    Attributes:
        name: Name of the file, without its ending.
        caption: One sentence that says what it shows.
        suits: Function that tells whether an evaluation has what the plot shows.
        draw: Function that draws it.
    """

    name: str
    caption: str
    suits: Callable[[E], bool]
    draw: Callable[[E], Figure]

    @property
    def file(self) -> str:
        """Name of the file in a checkpoint."""
        return f"{self.name}.png"


def discovered(package: ModuleType) -> dict[str, Plot[Any]]:
    """Return the ``PLOT`` of each file of a package, by the names of their PNG files. Nothing else has to list them."""
    names = (f"{package.__name__}.{info.name}" for info in pkgutil.iter_modules(package.__path__))
    modules = map(importlib.import_module, names)
    return {module.PLOT.file: module.PLOT for module in modules}


def sheet(width: float, height: float) -> Figure:
    """Create an empty sheet without touching the global state of matplotlib.

    Args:
        width: Width in inches.
        height: Height in inches.
    """
    return Figure(figsize=(width, height), dpi=_DOTS_PER_INCH, layout="constrained")


def tidy(axes: Axes, xlabel: str, ylabel: str, title: str = "") -> None:
    """Label the axes, draw a light grid, and remove the frame where nothing is read off."""
    axes.set_xlabel(xlabel)
    axes.set_ylabel(ylabel)
    if title:
        axes.set_title(title, fontsize="medium")
    axes.grid(True, color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def png(figure: Figure, largest: int = _LARGEST) -> bytes:
    """Render a figure as a small PNG file, with the same bytes every time.

    Args:
        figure: The figure.
        largest: Number of bytes above which fewer colours are used, from 255 down to 32.
    """
    full = io.BytesIO()
    figure.savefig(full, format="png")
    image = Image.open(full).convert("RGB")
    for colours in _COLOURS:
        file = _with_colours(image, colours)
        if len(file) < largest:
            break
    return file


def _with_colours(image: Image.Image, colours: int) -> bytes:
    small = io.BytesIO()
    image.quantize(colours, dither=Image.Dither.NONE).save(small, format="PNG", optimize=True)
    return small.getvalue()
