"""What every picture is, and what makes them look alike: colours that colour-blind readers tell apart, small files."""

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

S = TypeVar("S")

BLUE, ORANGE, GREEN, RED, PURPLE, SKY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9"
"""Okabe & Ito (2008), Color Universal Design."""
GREY = "#777777"
LINES = (BLUE, ORANGE, GREEN, PURPLE, RED, SKY)

_DOTS_PER_INCH = 110
_COLOURS = (255, 128, 64, 32)
_LARGEST = 60_000


@dataclass(frozen=True)
class Picture(Generic[S]):
    """One kind of picture of a subject: a predictor's, or a generator's gallery.

    Attributes:
        name: Of the file, without its ending.
        caption: What it shows, in one sentence.
        suits: Whether there is anything to draw of a subject.
        draw: Draws it.
    """

    name: str
    caption: str
    suits: Callable[[S], bool]
    draw: Callable[[S], Figure]

    @property
    def file(self) -> str:
        """Its file's name in a checkpoint."""
        return f"{self.name}.png"


def discovered(package: ModuleType) -> dict[str, Picture[Any]]:
    """The ``PICTURE`` of each file of a package, by the name of its own file. Nothing else has to list them."""
    names = (f"{package.__name__}.{info.name}" for info in pkgutil.iter_modules(package.__path__))
    modules = map(importlib.import_module, names)
    return {module.PICTURE.file: module.PICTURE for module in modules}


def sheet(width: float, height: float) -> Figure:
    """An empty sheet, in inches, that no global state knows of."""
    return Figure(figsize=(width, height), dpi=_DOTS_PER_INCH, layout="constrained")


def tidy(axes: Axes, xlabel: str, ylabel: str, title: str = "") -> None:
    """Labels, a light grid, and no frame where nothing is read off."""
    axes.set_xlabel(xlabel)
    axes.set_ylabel(ylabel)
    if title:
        axes.set_title(title, fontsize="medium")
    axes.grid(True, color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def png(figure: Figure, largest: int = _LARGEST) -> bytes:
    """A small file, the same bytes every time: at most 255 colours, fewer where photographs would take more bytes."""
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png")
    image = Image.open(drawn).convert("RGB")
    for colours in _COLOURS:
        file = _with_colours(image, colours)
        if len(file) < largest:
            break
    return file


def _with_colours(image: Image.Image, colours: int) -> bytes:
    small = io.BytesIO()
    image.quantize(colours, dither=Image.Dither.NONE).save(small, format="PNG", optimize=True)
    return small.getvalue()
