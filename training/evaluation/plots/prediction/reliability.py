"""Reliability diagram: stated confidence against observed accuracy (Guo et al., 2017, figure 1)."""

from __future__ import annotations

from matplotlib.figure import Figure

from training.evaluation.metrics.calibration import BINS, adaptive_ece, ece, equal_width_bins
from training.evaluation.plots.plot import BLUE, GREY, Plot, sheet, tidy
from training.evaluation.predictor import PredictorEvaluation

_LARGEST_DOT = 120
"""Points squared. Its area goes with the root of a bin's rows, as their weight against chance does."""


def draw(evaluation: PredictorEvaluation) -> Figure:
    """Draw accuracy over confidence, and the shares of the rows below."""
    answers = evaluation.class_predictions
    bins = equal_width_bins(answers.probs, answers.labels)
    figure = sheet(4.6, 4.6)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3.2, 1))
    above.plot([0, 1], [0, 1], "--", color=GREY, label="perfectly calibrated")
    share = bins.rows / bins.rows.sum()
    above.plot(bins.confidence, bins.accuracy, color=BLUE, linewidth=0.8)
    above.scatter(
        bins.confidence, bins.accuracy, _LARGEST_DOT * share.sqrt(), color=BLUE, label="model: larger dots, more rows"
    )
    above.legend(frameon=False, fontsize="small", loc="lower right")
    scores = f"ECE {ece(answers.probs, answers.labels):.3f}, adaptive {adaptive_ece(answers.probs, answers.labels):.3f}"
    tidy(above, "", "accuracy", f"Reliability on the test rows: {scores}")
    below.bar(bins.confidence.tolist(), share.tolist(), width=0.7 / BINS, color=BLUE)
    tidy(below, "confidence (probability of the likeliest class)", "share\nof rows")
    below.set_xlim(0, 1.02)
    return figure


PLOT = Plot(
    "reliability",
    "Reliability: accuracy of the answers by their confidence, and how many there are of each.",
    lambda evaluation: evaluation.task == "classification",
    draw,
)
