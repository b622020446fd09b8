"""Plots of how a run went, from its training log."""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure
from PIL import Image

from training.evaluation.plots.plot import BLUE, png, sheet, tidy
from training.loops.progress import readable
from training.loops.training_log import ROWS, TrainingLog

CAPTIONS = {
    "growth.png": "Images of the seeds 0 to 9 after more and more epochs.",
    "losses.png": "Losses along the run, means over an epoch.",
}


def render_plots(log: TrainingLog) -> dict[str, bytes]:
    """Render the plots as PNG files by name; there are none for a run without samples."""
    if not log.frames():
        return {}
    return {"growth.png": png(_growth(log)), "losses.png": png(_losses(log))}


def _growth(log: TrainingLog) -> Figure:
    frames = log.frames()
    figure = sheet(6.4, 0.62 * len(frames))
    axes = figure.subplots(len(frames), 1, squeeze=False)[:, 0]
    for place, (epoch, path) in zip(axes, frames.items(), strict=True):
        place.imshow(_first_row(path), cmap="gray", vmin=0, vmax=255, interpolation="nearest")
        place.set_ylabel(f"{epoch}", rotation=0, ha="right", va="center")
        place.set(xticks=[], yticks=[])
        place.spines[:].set_visible(False)
    figure.supylabel("epoch", fontsize="medium")
    return figure


def _first_row(path: Path) -> Image.Image:
    with Image.open(path) as samples:
        return samples.crop((0, 0, samples.width, samples.height // ROWS))


def _losses(log: TrainingLog) -> Figure:
    losses = log.losses()
    figure = sheet(3.2 * len(losses), 2.8)
    for axes, (name, by_epoch) in zip(figure.subplots(1, len(losses), squeeze=False)[0], losses.items(), strict=True):
        axes.plot(list(by_epoch), list(by_epoch.values()), color=BLUE, linewidth=1)
        tidy(axes, "epoch", "", readable(name))
    return figure
