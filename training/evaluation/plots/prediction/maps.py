"""Images beside the true map of a target, the predicted one and its standard deviation at every pixel."""

from __future__ import annotations

import torch
from matplotlib.figure import Figure
from torch import Tensor

from training.evaluation.plots.plot import Plot, sheet
from training.evaluation.predictor import PredictorEvaluation

_ROWS = 3
_TITLES = ("image", "truth", "mean", "deviation")


def draw(evaluation: PredictorEvaluation) -> Figure:
    """Draw the first target of rows from all over the test split, of volumes the middle slice, on one scale."""
    predictor, test = evaluation.predictor, evaluation.dataset.test
    split = test.rows(torch.linspace(0, len(test.inputs) - 1, min(_ROWS, len(test.inputs))).long())
    device = next(predictor.parameters()).device
    answer = predictor.predict(split.inputs.to(device), evaluation.samples, evaluation.seed)
    deviation = answer.variance.sqrt().cpu()
    maps = [_slice(one[..., 0]) for one in (split.targets, answer.mean.cpu(), deviation)]
    observed = torch.cat(maps[:2])
    observed = observed[~observed.isnan()]
    low, high = float(observed.min()), float(observed.max())
    _, pixels = predictor.inputs.with_grid(predictor.positions, split.inputs)
    images = _slice(pixels.float().mean(1))
    figure = sheet(7.4, 0.75 + len(images) * 1.62)
    panels = figure.subplots(len(images), len(_TITLES), squeeze=False)
    for row, image in enumerate(images):
        panels[row, 0].imshow(image.numpy(), cmap="gray")
        for axes, values in zip(panels[row, 1:3], (maps[0][row], maps[1][row]), strict=True):
            shades = axes.imshow(values.numpy(), cmap="viridis", vmin=low, vmax=high)
        doubts = panels[row, 3].imshow(maps[2][row].numpy(), cmap="cividis", vmin=0, vmax=float(maps[2].max()))
    for axes, title in zip(panels[0], _TITLES, strict=True):
        axes.set_title(title, fontsize="medium")
    for axes in panels.flat:
        axes.set_xticks([])
        axes.set_yticks([])
    figure.colorbar(shades, ax=panels[:, 2], label=predictor.outputs.names[0], shrink=0.9)
    figure.colorbar(doubts, ax=panels[:, 3], shrink=0.9)
    return figure


def _slice(values: Tensor) -> Tensor:
    """Return maps ``(N, height, width)``, of volumes ``(N, depth, height, width)`` the middle ones."""
    return values[:, values.shape[1] // 2] if values.ndim == 4 else values


PLOT = Plot(
    "maps",
    "Test images, or middle slices of volumes, and the true values, means and deviations of every pixel.",
    lambda evaluation: evaluation.task == "regression" and len(evaluation.predictor.positions) > 1,
    draw,
)
