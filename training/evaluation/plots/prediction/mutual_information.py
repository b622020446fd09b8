"""Histogram of the mutual information, for the test rows and for inputs out of distribution."""

from __future__ import annotations

import torch
from matplotlib.figure import Figure

from training.evaluation.metrics.ranking import auroc
from training.evaluation.plots.plot import BLUE, ORANGE, Plot, sheet, tidy
from training.evaluation.predictor import PredictorEvaluation

_BINS = 40


def draw(evaluation: PredictorEvaluation) -> Figure:
    """Draw both histograms, and the AUROC that tells them apart."""
    ood = evaluation.ood or evaluation.noise
    assert ood is not None  # as suits says
    scores = evaluation.ood_scores if evaluation.ood else evaluation.noise_scores
    test, other = evaluation.test_scores["information"], scores["information"]
    highest = max(float(torch.cat([test, other]).quantile(0.995)), 1e-3)
    edges = torch.linspace(0, highest, _BINS + 1).tolist()
    figure = sheet(4.8, 3.4)
    axes = figure.subplots()
    names = f"test rows of {evaluation.dataset.name}", f"out of distribution: {ood.name}"
    for values, colour, name in zip((test, other), (BLUE, ORANGE), names, strict=True):
        rows, weights = values.clamp(max=highest).tolist(), [100 / len(values)] * len(values)
        axes.hist(rows, edges, weights=weights, color=colour, alpha=0.45)
        axes.hist(rows, edges, weights=weights, color=colour, histtype="step", linewidth=1.5, label=name)
    axes.legend(frameon=False, loc="upper right")
    axes.set_xlim(0, highest)
    title = f"Out of distribution by mutual information: AUROC {auroc(test, other):.3f}"
    tidy(axes, "mutual information (nats)", "rows (%)", title)
    return figure


PLOT = Plot(
    "mutual-information",
    "Mutual information between answer and weights, on the test rows and on inputs of another kind.",
    lambda evaluation: bool(evaluation.samples) and (evaluation.ood or evaluation.noise) is not None,
    draw,
)
