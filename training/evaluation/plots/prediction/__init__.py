"""Plots of predictors, one kind a file: every file has a ``PLOT``, which says which evaluations it suits."""

from __future__ import annotations

import sys

from training.evaluation.plots.plot import Plot, discovered, png
from training.evaluation.predictor import PredictorEvaluation

PLOTS: dict[str, Plot[PredictorEvaluation]] = discovered(sys.modules[__name__])
"""Plots by the names of their files."""


def render_plots(evaluation: PredictorEvaluation) -> dict[str, bytes]:
    """Render all plots that suit an evaluation, as PNG files by name."""
    return {file: png(plot.draw(evaluation)) for file, plot in PLOTS.items() if plot.suits(evaluation)}
