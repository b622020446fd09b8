"""Images beside their truth, the model's labels and where it is uncertain (Kendall et al., 2017, figure 1)."""

from __future__ import annotations

import math

import torch
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from PIL import Image
from torch import Tensor

from models.specs import VOID, InputSpec
from training.evaluation.plots.plot import Plot, sheet
from training.evaluation.predictions import mark_unobserved
from training.evaluation.predictor import PredictorEvaluation

_IMAGES = 3
_PHOTOGRAPHS = 2
"""Number of colour images, which compress badly."""
_LABELS = (
    *("#332288", "#88CCEE", "#44AA99", "#117733", "#999933", "#DDCC77", "#CC6677", "#882255", "#AA4499", "#DDDDDD"),
    *("#000000", "#0077BB", "#EE7733", "#BBCC33", "#99DDFF", "#FFAABB"),
)
"""Tol (2021), Colour Schemes: muted, and colours that can be told apart from it."""
_ENTROPY = colormaps["cividis"].resampled(48)
_VOID = "#FFFFFF"
_SHADES = 48
"""Number of colours of a photograph: the file stays small, and the labels' colours exact."""


def draw(evaluation: PredictorEvaluation) -> Figure:
    """Draw images from all over the test split, as neighbours may be frames of one film; void pixels are white."""
    predictor, test = evaluation.predictor, evaluation.dataset.test
    photographs = predictor.inputs.with_grid(predictor.positions, test.rows(slice(1)).inputs)[0].shape[0] == 3
    shown = min(_PHOTOGRAPHS if photographs else _IMAGES, len(test.inputs))
    split = test.rows(torch.linspace(0, len(test.inputs) - 1, shown).long())
    device = next(predictor.parameters()).device
    answer = predictor.predict(split.inputs.to(device), evaluation.samples, evaluation.seed)
    labels, guesses = mark_unobserved(predictor, split.targets), answer.mean.argmax(-1).cpu()
    spec, images = predictor.inputs.with_grid(predictor.positions, split.inputs)
    entropy = answer.predictive_entropy.cpu()
    if spec.kind == "volume":
        middle = images.shape[2] // 2
        images, labels, guesses, entropy = (
            images[:, :, middle],
            labels[:, middle],
            guesses[:, middle],
            entropy[:, middle],
        )
    guesses = guesses.where(labels != VOID, VOID)
    height, width = images.shape[-2:]
    rows = len(labels)
    figure = sheet(7.4, 0.75 + rows * (1.62 * min(1.3, height / width)))
    panels = figure.subplots(rows, 4, squeeze=False)
    highest = math.log(predictor.outputs.size)
    for row, image in enumerate(images):
        _photograph(panels[row, 0], image, spec)
        _label_map(panels[row, 1], labels[row])
        _label_map(panels[row, 2], guesses[row])
        shades = panels[row, 3].imshow(
            entropy[row].numpy(), cmap=_ENTROPY, vmin=0, vmax=highest, interpolation="nearest"
        )
    for axes, title in zip(panels[0], ("image", "truth", "prediction", "uncertainty"), strict=True):
        axes.set_title(title, fontsize="medium")
    for axes in panels.flat:
        axes.set_xticks([])
        axes.set_yticks([])
    figure.colorbar(shades, ax=panels[:, 3], label="predictive entropy (nats)", shrink=0.9)
    present = {int(label) for tensor in (labels, guesses) for label in torch.unique(tensor) if label != VOID}
    keys = [Patch(color=_colour(label), label=predictor.outputs.names[label]) for label in sorted(present)]
    figure.legend(handles=keys, loc="outside lower center", ncols=6, fontsize="x-small", frameon=False)
    return figure


def _photograph(axes: Axes, image: Tensor, inputs: InputSpec) -> None:
    low = float(image.min()) if inputs.low is None else inputs.low
    high = float(image.max()) if inputs.high is None else inputs.high
    unit = ((image - low) / max(high - low, 1e-12)).clamp(0, 1)
    if len(image) == 3:
        pixels = (unit * 255).byte().permute(1, 2, 0).numpy()
        axes.imshow(Image.fromarray(pixels).quantize(_SHADES).convert("RGB"), interpolation="nearest")
    else:
        axes.imshow(unit[0].numpy(), cmap="gray", vmin=0, vmax=1)


def _label_map(axes: Axes, labels: Tensor) -> None:
    colours = ListedColormap([_VOID, *_LABELS])
    shown = labels.where(labels == VOID, labels % len(_LABELS)) - VOID
    axes.imshow(
        shown.numpy(), cmap=colours, norm=BoundaryNorm(range(len(_LABELS) + 2), colours.N), interpolation="nearest"
    )


def _colour(label: int) -> str:
    return _LABELS[label % len(_LABELS)]


PLOT = Plot(
    "segmentation",
    "Test images, or middle slices of volumes, their true labels, the predicted ones, and the entropy.",
    lambda evaluation: evaluation.task == "segmentation",
    draw,
)
