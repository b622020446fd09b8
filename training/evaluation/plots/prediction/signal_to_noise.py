"""Signal-to-noise ratio of the weights of Bayes by Backprop (Blundell et al., 2015, figure 4)."""

from __future__ import annotations

import torch
from matplotlib.figure import Figure

from models.posteriors.bayes_by_backprop import BayesByBackprop
from training.evaluation.plots.plot import BLUE, RED, Plot, sheet, tidy
from training.evaluation.predictor import PredictorEvaluation

_BINS = 100
_CUT = 0.75
"""Share of the weights that the paper removes at no cost."""


def draw(evaluation: PredictorEvaluation) -> Figure:
    """Draw the density above the cumulative share."""
    posterior = evaluation.predictor.posterior
    assert isinstance(posterior, BayesByBackprop)  # as suits says
    ratios = torch.cat([ratio.flatten() for ratio in posterior.signal_to_noise().values()]).cpu()
    kept = ratios[ratios.isfinite() & (ratios > 0)]
    decibels = (10 * kept.double().log10()).sort().values
    share = torch.arange(1, len(decibels) + 1) / len(decibels)
    low, high = float(decibels[len(decibels) // 1000]), float(decibels[-1])
    cut = float(decibels[int(_CUT * (len(decibels) - 1))])
    figure = sheet(4.8, 4.6)
    above, below = figure.subplots(2, 1, sharex=True)
    above.hist(decibels.tolist(), _BINS, range=(low, high), density=True, color=BLUE)
    step = max(1, len(decibels) // 1000)
    below.plot(decibels[::step], share[::step] * 100, color=BLUE)
    for axes in (above, below):
        axes.axvline(cut, color=RED, linestyle="--", label=f"{_CUT:.0%} of the weights are below")
    below.legend(frameon=False, loc="upper left", fontsize="small")
    below.set_xlim(low, high)
    removed = len(ratios) - len(kept)
    title = f"Signal to noise of {len(kept):,} weights" + (f"; {removed:,} are pruned" if removed else "")
    tidy(above, "", "density (1/dB)", title)
    tidy(below, "signal to noise |mean| / deviation (dB)", "weights below (%)")
    return figure


PLOT = Plot(
    "signal-to-noise",
    "Signal to noise of the weights: density and cumulative share; weights left of the line can be pruned.",
    lambda evaluation: isinstance(evaluation.predictor.posterior, BayesByBackprop),
    draw,
)
