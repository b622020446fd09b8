"""Sparsification curve: the error that is left when the most uncertain outcomes are removed (Ilg et al., 2018)."""

from __future__ import annotations

import torch
from matplotlib.figure import Figure

from training.evaluation.metrics.prediction import regression
from training.evaluation.metrics.ranking import ause, sparsification
from training.evaluation.plots.plot import BLUE, GREEN, GREY, Plot, sheet, tidy
from training.evaluation.predictor import PredictorEvaluation


def draw(evaluation: PredictorEvaluation) -> Figure:
    """Draw the curve between those of an oracle and of no ranking."""
    squared, variance = regression.observed_errors(evaluation.regression_predictions)
    removed = (1 - torch.arange(1, len(squared) + 1) / len(squared)) * 100
    figure = sheet(4.8, 3.4)
    axes = figure.subplots()
    axes.plot(removed, sparsification(squared, variance), color=BLUE, label="by predictive variance")
    axes.plot(removed, sparsification(squared, squared), color=GREEN, linestyle="--", label="oracle: by the error")
    axes.axhline(1, color=GREY, linestyle=":", label="no ranking")
    axes.legend(frameon=False, loc="upper right")
    axes.set_xlim(0, 100)
    axes.set_ylim(bottom=0)
    title = f"Sparsification: AUSE {ause(squared, variance):.3f}"
    tidy(axes, "most uncertain outcomes removed (%)", "RMSE of the rest / RMSE of all", title)
    return figure


PLOT = Plot(
    "sparsification",
    "Sparsification: the error that is left when the most uncertain outcomes are removed.",
    lambda evaluation: evaluation.task == "regression",
    draw,
)
