"""Risk-coverage curve: the error that is left when the most uncertain rows are turned away."""

from __future__ import annotations

import torch
from matplotlib.figure import Figure
from torch import Tensor

from training.evaluation.metrics.ranking import aurc, risk_coverage
from training.evaluation.plots.plot import BLUE, GREEN, GREY, Plot, sheet, tidy
from training.evaluation.predictor import PredictorEvaluation


def draw(evaluation: PredictorEvaluation) -> Figure:
    """Draw the curve between those of a perfect and of no ranking."""
    answers = evaluation.class_predictions
    wrong = answers.wrong.double()
    coverage = torch.arange(1, len(wrong) + 1) / len(wrong) * 100
    figure = sheet(4.8, 3.4)
    axes = figure.subplots()
    axes.plot(coverage, _percent(wrong, answers.entropy), color=BLUE, label="by predictive entropy")
    axes.plot(coverage, _percent(wrong, wrong), color=GREEN, linestyle="--", label="perfect ranking")
    axes.axhline(float(wrong.mean()) * 100, color=GREY, linestyle=":", label="no ranking")
    axes.legend(frameon=False)
    axes.set_xlim(0, 100)
    axes.set_ylim(bottom=0)
    title = f"Risk and coverage: AURC {aurc(wrong, answers.entropy):.4f}"
    tidy(axes, "coverage: least uncertain rows answered (%)", "error among them (%)", title)
    return figure


def _percent(wrong: Tensor, uncertainty: Tensor) -> Tensor:
    return risk_coverage(wrong, uncertainty) * 100


PLOT = Plot(
    "risk-coverage",
    "Risk and coverage: the error among the least uncertain rows, by how many of them are answered.",
    lambda evaluation: evaluation.task == "classification",
    draw,
)
