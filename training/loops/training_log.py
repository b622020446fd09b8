"""The log of a run, to look at while it goes on: samples of fixed codes after some epochs, and the losses of all.

``<store>/.training/<model name>/`` holds ``epoch-0010.png``, ten rows of samples, and ``losses.csv``. Both
belong to the unfinished run: a finished one has them as pictures on the checkpoint's card.
"""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from training.data.channels_to_rgb import channels_to_rgb
from training.loops.progress import Epoch

ROWS = 10
_TILE_PIXELS = 32
"""Smallest side of a sample: smaller samples are enlarged by a whole factor."""
_LOSSES = "losses.csv"


class TrainingLog:
    """The folder of a run.

    Args:
        folder: Path of the folder, which is made once there are samples.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def note(self, epoch: Epoch) -> None:
        """Keep an epoch's samples and losses; a run without samples, whose first epoch has none, keeps nothing."""
        if epoch.samples is not None:
            self.folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(grid(epoch.samples)).save(self.folder / f"epoch-{epoch.number:04}.png")
        if self.folder.is_dir():
            with (self.folder / _LOSSES).open("a", newline="") as file:
                csv.writer(file).writerows((epoch.number, *loss) for loss in epoch.losses.items())

    def frames(self) -> dict[int, Path]:
        """Return the files of the grids of samples by epoch."""
        return {int(path.stem.removeprefix("epoch-")): path for path in sorted(self.folder.glob("epoch-*.png"))}

    def losses(self) -> dict[str, dict[int, float]]:
        """Return the losses by name and epoch; the last, where a resumed run repeated an epoch."""
        losses: dict[str, dict[int, float]] = {}
        with (self.folder / _LOSSES).open(newline="") as file:
            for epoch, name, value in csv.reader(file):
                losses.setdefault(name, {})[int(epoch)] = float(value)
        return losses

    def remove(self) -> None:
        """Delete the folder of a run that is finished or begins anew."""
        if self.folder.is_dir():
            shutil.rmtree(self.folder)


def grid(images: Tensor) -> NDArray[np.uint8]:
    """Return ten rows of images as one, without gaps; see :func:`colours` for channels.

    Args:
        images: Images ``(10 n, channels, height, width)`` in [0, 1].

    Returns:
        Bytes ``(height, width)``, or ``(height, width, 3)`` of images in colour.
    """
    shown = channels_to_rgb(images)
    scale = -(-_TILE_PIXELS // max(images.shape[2:]))
    tiles = shown.repeat_interleave(scale, 2).repeat_interleave(scale, 3)
    channels, height, width = tiles.shape[1:]
    pixels = (255 * tiles).round().byte().numpy().reshape(ROWS, -1, channels, height, width)
    sheet = pixels.transpose(0, 3, 1, 4, 2).reshape(ROWS * height, -1, channels)
    return sheet if channels == 3 else sheet[..., 0]
