"""Data that come with scikit-learn or are generated, without a download."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from sklearn.datasets import load_diabetes, load_digits
from sklearn.model_selection import train_test_split
from torch import Tensor

from models.noise import Normal, Site, Uniform, draw_noise
from models.specs import OutputSpec
from training.data.dataset import Dataset, Split, Splits, Truth, image_spec, table_spec, target_spec
from training.data.splitting import HELD_OUT

DIGITS = tuple("0123456789")
CURVE_RANGE = (0.0, 0.5)
"""Range of the inputs of the curve's training rows."""

_CURVE_ROWS = (2000, 200, 500, 500)
_DENSE_CURVE_ROWS = (8000, 200, 500, 500)
"""Numbers of rows to train, validate, test and calibrate with; a row depends on its place in this order."""


def digits() -> Dataset:
    """Load 1797 handwritten digits of 8 x 8 pixels from 0 to 16 (UCI, by way of scikit-learn)."""
    images, labels = load_digits(return_X_y=True)
    splits = _split(images.reshape(-1, 1, 8, 8), labels, 0.1, stratify=True)
    inputs, outputs = image_spec(splits.train.inputs, 0.0, 16.0), OutputSpec("classification", DIGITS)
    return Dataset("digits", inputs, outputs, *splits, test_name=HELD_OUT)


def diabetes() -> Dataset:
    """Load 442 patients: ten measurements at baseline, and a measure of the disease's progression a year later."""
    bunch = load_diabetes(scaled=False)
    splits = _split(bunch.data, bunch.target[:, None].astype(np.float32), 0.2, stratify=False)
    inputs = table_spec(splits.train.inputs, tuple(bunch.feature_names))
    outputs = target_spec(splits.train.targets, ("disease progression",))
    return Dataset("diabetes", inputs, outputs, *splits, test_name=HELD_OUT)


def curve() -> Dataset:
    """Generate a curve with noise that grows along it; models never see more than x from 0 to 0.5.

    References:
        Blundell et al. (2015), Weight Uncertainty in Neural Networks, section 5.2 and figure 5. There the noise,
        N(0, 0.02), is inside the function; here it is added, with a known deviation to compare with.
    """
    return _curve("curve", _CURVE_ROWS)


def dense_curve() -> Dataset:
    """Generate the curve with four times as many training rows, so that a quarter still tells how noisy they are."""
    return _curve("dense_curve", _DENSE_CURVE_ROWS)


def curve_mean(x: Tensor) -> Tensor:
    """Return ``x + 0.3 sin(2 pi x) + 0.3 sin(4 pi x)``, in the shape of ``x``."""
    return x + 0.3 * (2 * math.pi * x).sin() + 0.3 * (4 * math.pi * x).sin()


def curve_deviation(x: Tensor) -> Tensor:
    """Return the deviation of the noise: 0.02 at x = 0 to 0.1 at x = 0.5, and constant beyond either end."""
    low, high = CURVE_RANGE
    return 0.02 + 0.08 * ((x - low) / (high - low)).clamp(0, 1)


def _curve(name: str, counts: Sequence[int]) -> Dataset:
    train, validation, test, calibration = (_curve_rows(rows, index) for index, rows in enumerate(counts))
    inputs, outputs = table_spec(train.inputs, ("x",)), target_spec(train.targets, ("y",))
    truth = Truth(curve_mean, curve_deviation)
    return Dataset(name, inputs, outputs, train, validation, calibration, test, truth, curve_outside())


def curve_outside() -> Tensor:
    """Return inputs up to as far beyond either end of the training rows' range as it is long, ``(500, 1)``."""
    low, high = CURVE_RANGE
    beyond = torch.linspace(0, high - low, 251)[1:]
    return torch.cat([low - beyond.flip(0), high + beyond]).unsqueeze(-1)


def _curve_rows(rows: int, index: int) -> Split:
    sites = Site("x", (rows, 1), Uniform(*CURVE_RANGE)), Site("noise", (rows, 1), Normal())
    drawn = draw_noise(sites, seed=0, start=index, stop=index + 1)
    x, noise = drawn["x"][0], drawn["noise"][0]
    return Split(x, curve_mean(x) + curve_deviation(x) * noise)


def _split(inputs: Any, targets: Any, held_out: float, *, stratify: bool) -> Splits:
    """Split off 20 % to test, and hold out a share of the rest, half to validate and half to calibrate."""
    x, x_test, y, y_test = _halves(inputs, targets, 0.2, stratify)
    x, x_held_out, y, y_held_out = _halves(x, y, held_out, stratify)
    x_validation, x_calibration, y_validation, y_calibration = _halves(x_held_out, y_held_out, 0.5, stratify)
    pairs = (x, y), (x_validation, y_validation), (x_calibration, y_calibration), (x_test, y_test)
    return Splits(*(Split(torch.tensor(a, dtype=torch.float32), torch.tensor(b)) for a, b in pairs))


def _halves(inputs: Any, targets: Any, share: float, stratify: bool) -> Any:
    return train_test_split(inputs, targets, test_size=share, stratify=targets if stratify else None, random_state=0)
