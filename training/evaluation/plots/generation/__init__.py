"""Plots of generators, one kind a file: every file has a ``PLOT``, which says which evaluations it suits."""

from __future__ import annotations

import sys

from training.evaluation.generator import GeneratorEvaluation
from training.evaluation.plots.plot import Plot, discovered, png

PLOTS: dict[str, Plot[GeneratorEvaluation]] = discovered(sys.modules[__name__])
"""Plots by the names of their files."""

_LARGEST = 250_000
"""Number of bytes: a hundred photographs in 32 colours would not be recognisable."""


def render_plots(evaluation: GeneratorEvaluation) -> dict[str, bytes]:
    """Render all plots that suit an evaluation, as PNG files by name."""
    return {file: png(plot.draw(evaluation), _LARGEST) for file, plot in PLOTS.items() if plot.suits(evaluation)}
