"""Histogram of what more data could settle, for rows like the training's and for strange ones."""

from __future__ import annotations

import torch
from matplotlib.figure import Figure

from training.evaluation.metrics.ranking import auroc
from training.evaluation.plots.plot import BLUE, ORANGE, Picture, sheet, tidy
from training.evaluation.predictor import Subject

_BINS = 40


def draw(subject: Subject) -> Figure:
    strange = subject.strange or subject.noise
    assert strange is not None  # as suits says
    scores = subject.strange_scores if subject.strange else subject.noise_scores
    usual, other = subject.usual_scores["information"], scores["information"]
    highest = max(float(torch.cat([usual, other]).quantile(0.995)), 1e-3)
    edges = torch.linspace(0, highest, _BINS + 1).tolist()
    figure = sheet(4.8, 3.4)
    axes = figure.subplots()
    names = f"test split of {subject.dataset.name}", f"strange: {strange.name}"
    for values, colour, name in zip((usual, other), (BLUE, ORANGE), names, strict=True):
        rows, weights = values.clamp(max=highest).tolist(), [100 / len(values)] * len(values)
        axes.hist(rows, edges, weights=weights, color=colour, alpha=0.45)
        axes.hist(rows, edges, weights=weights, color=colour, histtype="step", linewidth=1.5, label=name)
    axes.legend(frameon=False)
    axes.set_xlim(0, highest)
    title = f"Strange rows by mutual information: AUROC {auroc(usual, other):.3f}"
    tidy(axes, "mutual information (nats)", "rows (%)", title)
    return figure


PICTURE = Picture(
    "mutual-information",
    "Mutual information between answer and weights, on the test split and on inputs of another kind.",
    lambda subject: bool(subject.samples) and (subject.strange or subject.noise) is not None,
    draw,
)
