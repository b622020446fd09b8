"""A digit 1 turned from 0 to 90 degrees: the draws' softmax inputs and outputs fan out where the model cannot know.

Gal & Ghahramani (2016), Dropout as a Bayesian Approximation, figure 4.
"""

from __future__ import annotations

import math

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor
from torch.nn import functional as F

from training.evaluation.plots.plot import LINES, Plot, sheet, tidy
from training.evaluation.predictions import predict_draws
from training.evaluation.predictor import PredictorEvaluation

DIGIT = "1"
ANGLES = 12
_CLASSES = 3


def draw(evaluation: PredictorEvaluation) -> Figure:
    """Draw the likeliest classes over the angle; a dot is one draw, a line the draws' mean."""
    predictor = evaluation.predictor
    degrees = torch.linspace(0, 90, ANGLES)
    images = rotate(_upright(evaluation), degrees, predictor.inputs.low or 0.0)
    with torch.inference_mode():
        probs = predict_draws(predictor, images, evaluation.samples, evaluation.seed).mean.cpu()
    logits = probs.double().clamp_min(torch.finfo(torch.float32).tiny).log()
    logits = logits - logits.mean(-1, keepdim=True)
    order = probs.mean(0).amax(0).argsort(descending=True)[:_CLASSES].tolist()
    figure = sheet(7.6, 4.4)
    parts = figure.subfigures(2, 1, height_ratios=(1, 4.2), squeeze=False)[:, 0]
    strip = parts[0].subplots(1, ANGLES)
    for axes, image, angle in zip(strip, images, degrees.tolist(), strict=True):
        axes.imshow(image[0].numpy(), cmap="gray_r")
        axes.set_title(f"{angle:.0f}°", fontsize="small")
        axes.set_axis_off()
    left, right = parts[1].subplots(1, 2)
    names = [predictor.outputs.names[c] for c in order]
    _fan(left, degrees, logits[..., order], names)
    _fan(right, degrees, probs[..., order], names)
    tidy(left, "rotation (degrees)", "softmax input, less its mean over classes", "Inputs of the softmax")
    tidy(right, "rotation (degrees)", "probability", "Outputs of the softmax")
    right.set_ylim(-0.03, 1.03)
    right.legend(frameon=False, fontsize="small", title="class", loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def rotate(image: Tensor, degrees: Tensor, ground: float) -> Tensor:
    """Rotate an image anticlockwise by every angle.

    Args:
        image: A square image, ``(C, side, side)``.
        degrees: Angles, ``(A,)``.
        ground: Value of corners that come from outside the image.

    Returns:
        Images ``(A, C, side, side)``.
    """
    radians = degrees * math.pi / 180
    cos, sin, zero = radians.cos(), radians.sin(), torch.zeros_like(radians)
    matrix = torch.stack([torch.stack([cos, -sin, zero], 1), torch.stack([sin, cos, zero], 1)], 1)
    copies = (image - ground).expand(len(degrees), *image.shape)
    grid = F.affine_grid(matrix, list(copies.shape), align_corners=False)
    return F.grid_sample(copies, grid, align_corners=False) + ground


def _upright(evaluation: PredictorEvaluation) -> Tensor:
    """Return the first digit 1 of the test split that the model reads right."""
    answers, label = evaluation.class_predictions, evaluation.predictor.outputs.names.index(DIGIT)
    of_class = answers.labels == label
    right = of_class & ~answers.wrong
    index = int((right if right.any() else of_class).nonzero()[0])
    return evaluation.dataset.test.rows(slice(index, index + 1)).inputs[0]


def _fan(axes: Axes, degrees: Tensor, values: Tensor, names: list[str]) -> None:
    shift = (torch.arange(len(values)) / max(1, len(values) - 1) - 0.5) * 3
    for i, (name, colour) in enumerate(zip(names, LINES, strict=False)):
        x = (degrees + shift.unsqueeze(1)).flatten()
        axes.plot(x, values[..., i].flatten(), ".", color=colour, markersize=2, alpha=0.5)
        axes.plot(degrees, values[..., i].mean(0), color=colour, linewidth=1.5, label=name)
    axes.set_xticks([0, 15, 30, 45, 60, 75, 90])


def suits(evaluation: PredictorEvaluation) -> bool:
    """Return whether the model reads digits off square images, and a 1 is among those of the test split."""
    inputs, outputs = evaluation.predictor.inputs, evaluation.predictor.outputs
    images = inputs.kind == "image" and inputs.shape[-1] == inputs.shape[-2] and not evaluation.predictor.positions
    if not images or evaluation.task != "classification" or DIGIT not in outputs.names:
        return False
    return bool((evaluation.dataset.test.targets == outputs.names.index(DIGIT)).any())


PLOT = Plot(
    "rotated-digit",
    "A digit 1 turned from 0 to 90 degrees: inputs and outputs of the softmax, a dot for every draw.",
    suits,
    draw,
)
