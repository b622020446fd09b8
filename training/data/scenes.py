"""Scenes of handwritten digits on a textured ground, with the class of every pixel: a small segmentation."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from models.noise import Categorical, Normal, Site, Uniform, draw_noise
from models.specs import OutputSpec
from training.data.bundled import DIGITS, digits
from training.data.dataset import Dataset, Split, Splits, image_spec

SIDE = 32
DIGIT_SIDE = 14
DIGITS_A_SCENE = 3
INK = 0.4
"""Coverage by a digit's stroke from which a pixel counts as part of the digit."""

_ROWS = (600, 100, 150, 200)


def scenes() -> Dataset:
    """Generate 1050 scenes of 32 x 32 grey pixels from 0 to 255, each with three digits; label 0 is the ground.

    Digits of one split of ``digits`` are in scenes of that split only. A later digit lies on an earlier one.
    """
    source = digits()
    parts = source.train, source.validation, source.calibration, source.test
    generated = (_scenes(part, count, index) for index, (part, count) in enumerate(zip(parts, _ROWS, strict=True)))
    splits = Splits(*generated)
    outputs = OutputSpec("segmentation", ("ground", *DIGITS))
    return Dataset("scenes", image_spec(splits.train.inputs, 0.0, 255.0), outputs, *splits)


def compose(
    ground: Tensor, digits: Tensor, labels: Tensor, places: Tensor, brightness: Tensor
) -> tuple[Tensor, Tensor]:
    """Lay digits on a ground.

    Args:
        ground: Brightness from 0 to 1, ``(height, width)``.
        digits: Coverage from 0 to 1, ``(D, side, side)``.
        labels: Labels of the digits' pixels, ``(D,)``.
        places: Top and left of each digit, whole numbers ``(D, 2)``.
        brightness: Brightness of the digits' strokes from 0 to 1, ``(D,)``.

    Returns:
        Brightness and label of every pixel, each ``(height, width)``.
    """
    scene, classes, side = ground.clone(), torch.zeros(ground.shape, dtype=torch.int64), digits.shape[-1]
    for digit, label, (top, left), level in zip(digits, labels, places.tolist(), brightness, strict=True):
        window = slice(top, top + side), slice(left, left + side)
        scene[window] += digit * (level - scene[window])
        classes[window] = torch.where(digit >= INK, label, classes[window])
    return scene, classes


def _scenes(source: Split, count: int, index: int) -> Split:
    shape = (count, DIGITS_A_SCENE)
    sites = (
        Site("digit", shape, Categorical(len(source.inputs))),
        Site("place", (*shape, 2), Categorical(SIDE - DIGIT_SIDE + 1)),
        Site("brightness", shape, Uniform(0.7, 1.0)),
        Site("coarse", (count, 1, 6, 6), Uniform(0.0, 0.5)),
        Site("fine", (count, SIDE, SIDE), Normal()),
    )
    drawn = {name: tensor[0] for name, tensor in draw_noise(sites, seed=0, start=index, stop=index + 1).items()}
    coverage = F.interpolate(source.inputs / 16, (DIGIT_SIDE, DIGIT_SIDE), mode="bilinear").squeeze(1)
    coarse = F.interpolate(drawn["coarse"], (SIDE, SIDE), mode="bilinear").squeeze(1)
    ground = (coarse + 0.04 * drawn["fine"]).clamp(0, 1)
    chosen = drawn["digit"]
    composed = [
        compose(
            ground[i], coverage[chosen[i]], source.targets[chosen[i]] + 1, drawn["place"][i], drawn["brightness"][i]
        )
        for i in range(count)
    ]
    images, labels = (torch.stack(tensors) for tensors in zip(*composed, strict=True))
    return Split((images * 255).round().clamp(0, 255).unsqueeze(1), labels)
