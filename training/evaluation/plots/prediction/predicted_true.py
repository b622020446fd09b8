"""A regression on many inputs: prediction against truth, with the interval that it states."""

from __future__ import annotations

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from training.evaluation.metrics.intervals import picp
from training.evaluation.plots.plot import BLUE, GREY, RED, Plot, sheet, tidy
from training.evaluation.plots.prediction import bands
from training.evaluation.predictor import PredictorEvaluation, RegressionPredictions

_MOST_POINTS = 90
_MOST_TARGETS = 3


def draw(evaluation: PredictorEvaluation) -> Figure:
    """Draw a panel for each of the first targets."""
    names = evaluation.predictor.outputs.names[:_MOST_TARGETS]
    figure = sheet(4.4 * len(names), 4.0)
    panels = figure.subplots(1, len(names), squeeze=False)[0]
    for target, (axes, name) in enumerate(zip(panels, names, strict=True)):
        _panel(axes, name, *_columns(evaluation.regression_predictions, target))
    return figure


def _panel(axes: Axes, name: str, truth: Tensor, mean: Tensor, low: Tensor, high: Tensor) -> None:
    share = picp(truth, low, high)
    step = max(1, len(truth) // _MOST_POINTS)
    truth, mean, low, high = (t[::step] for t in (truth, mean, low, high))
    inside = (truth >= low) & (truth <= high)
    for chosen, colour, label in ((inside, BLUE, "truth inside"), (~inside, RED, "truth outside")):
        points, spread = (truth[chosen], mean[chosen]), torch.stack([mean - low, high - mean])[:, chosen]
        axes.errorbar(*points, spread, fmt=".", color=colour, elinewidth=0.8, alpha=0.6, label=label)
    ends = [float(torch.cat([truth, mean]).min()), float(torch.cat([truth, mean]).max())]
    axes.plot(ends, ends, "--", color=GREY)
    axes.legend(frameon=False, fontsize="small", loc="upper left")
    tidy(axes, f"true {name}", f"predicted {name}", f"Central 90 % intervals hold {share * 100:.1f} % of the test rows")


def _columns(answers: RegressionPredictions, target: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    known = ~answers.targets[:, target].isnan()
    columns = (answers.targets, answers.mean, answers.low, answers.high)
    truth, mean, low, high = (t[known, target].double() for t in columns)
    return truth, mean, low, high


PLOT = Plot(
    "predicted-true",
    "Prediction against truth on the test rows, with the central 90 % interval of each prediction.",
    lambda evaluation: evaluation.task == "regression" and not bands.suits(evaluation),
    draw,
)
