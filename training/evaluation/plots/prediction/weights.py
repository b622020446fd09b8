"""The weights of Bayes by Backprop: their means beside one draw of them (Blundell et al., 2015, figure 3)."""

from __future__ import annotations

import math

import torch
from matplotlib.figure import Figure

from models.posteriors.bayes_by_backprop import BayesByBackprop
from training.evaluation.plots.plot import BLUE, ORANGE, Plot, sheet, tidy
from training.evaluation.predictor import PredictorEvaluation

_MOST_BINS = 120


def draw(evaluation: PredictorEvaluation) -> Figure:
    """Draw both histograms on a logarithmic scale."""
    posterior = evaluation.predictor.posterior
    assert isinstance(posterior, BayesByBackprop)  # as suits says
    own = dict(posterior.network.named_parameters())
    sampled = {name: t[0].detach().flatten() for name, t in posterior.sample(evaluation.seed, 1).items()}
    one = torch.cat(list(sampled.values())).cpu()
    means = torch.cat([own[name].detach().flatten() for name in sampled]).cpu()
    width = float(torch.stack([one.abs().double().quantile(0.999) if len(one) < 2**24 else one.abs().max()]))
    bins = min(_MOST_BINS, math.isqrt(len(one)))
    figure = sheet(4.8, 3.4)
    axes = figure.subplots()
    edges = torch.linspace(-width, width, bins + 1)
    centres = (edges[1:] + edges[:-1]) / 2
    for values, colour, label in ((means, BLUE, "means"), (one, ORANGE, "one draw")):
        density = torch.histc(values.float(), bins, -width, width) / len(values) / (2 * width / bins)
        axes.plot(centres, density, color=colour, drawstyle="steps-mid", label=label)
    axes.legend(frameon=False, loc="upper right")
    axes.set_yscale("log")
    axes.set_xlim(-width, width)
    tidy(axes, "weight", "density", f"{len(one):,} weights")
    return figure


PLOT = Plot(
    "weights",
    "Histogram of the weights: the posterior's means, and one set drawn from it.",
    lambda evaluation: isinstance(evaluation.predictor.posterior, BayesByBackprop),
    draw,
)
