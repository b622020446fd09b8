"""A regression of one input: data, mean, and bands of aleatoric and epistemic uncertainty."""

from __future__ import annotations

import torch
from matplotlib.figure import Figure

from training.evaluation.plots.plot import BLUE, GREY, ORANGE, RED, Plot, sheet, tidy
from training.evaluation.predictor import PredictorEvaluation

_MOST_POINTS = 400


def draw(evaluation: PredictorEvaluation) -> Figure:
    """Draw the first target over the data's range and half of it beyond either end."""
    predictor, train = evaluation.predictor, evaluation.dataset.train.rows(slice(_MOST_POINTS))
    start, end = float(evaluation.dataset.train.inputs.min()), float(evaluation.dataset.train.inputs.max())
    reach = (end - start) / 2
    x = torch.linspace(start - reach, end + reach, 301).unsqueeze(-1)
    answer = predictor.predict(x, evaluation.samples, evaluation.seed)
    mean, noise = answer.mean[:, 0], answer.aleatoric_variance[:, 0].sqrt()
    unknown = torch.zeros_like(mean) if answer.epistemic_variance is None else answer.epistemic_variance[:, 0].sqrt()
    figure = sheet(5.6, 3.8)
    axes = figure.subplots()
    line = x[:, 0].tolist()
    axes.plot(train.inputs[:, 0], train.targets[:, 0], ".", color=GREY, markersize=3, alpha=0.6, label="training data")
    noisy, wide = _band(mean, noise), _band(mean, (noise.square() + unknown.square()).sqrt())
    axes.fill_between(line, *noisy, color=BLUE, alpha=0.35, linewidth=0, label="± 2 aleatoric (noise)")
    for label, inner, outer in zip(("± 2 total", None), noisy, wide, strict=True):
        axes.fill_between(line, inner, outer, color=ORANGE, alpha=0.6, linewidth=0, label=label)
    for border in _band(mean, unknown):
        axes.plot(line, border, color=RED, linewidth=1, linestyle=":")
    axes.plot([], [], color=RED, linewidth=1, linestyle=":", label="± 2 epistemic (model)")
    axes.plot(line, mean, color="black", linewidth=1.5, label="mean")
    if evaluation.dataset.truth is not None:
        axes.plot(line, evaluation.dataset.truth.mean(x)[:, 0], "--", color=GREY, linewidth=1, label="true mean")
    for edge in (start, end):
        axes.axvline(edge, color=GREY, linewidth=0.6)
    axes.legend(frameon=False, fontsize="x-small", ncols=2, loc="upper left")
    axes.set_xlim(line[0], line[-1])
    title = "Bands of two standard deviations; data between the lines"
    tidy(axes, (predictor.inputs.names or ("input",))[0], predictor.outputs.names[0], title)
    return figure


def _band(mean: torch.Tensor, deviation: torch.Tensor) -> tuple[list[float], list[float]]:
    low, high = mean - 2 * deviation, mean + 2 * deviation
    return low.tolist(), high.tolist()


def suits(evaluation: PredictorEvaluation) -> bool:
    """Return whether there is one input to draw over."""
    return evaluation.task == "regression" and evaluation.predictor.inputs.shape == (1,)


PLOT = Plot(
    "bands",
    "The prediction with the bands of the noise (aleatoric) and of what the model does not know (epistemic).",
    suits,
    draw,
)
