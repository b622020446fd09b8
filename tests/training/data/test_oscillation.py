"""Oscillations: what they are without noise, and noise whose deviation the steps tell."""

from __future__ import annotations

import math

import pytest
import torch

from training import data
from training.data.oscillation import displacement


def test_without_noise_it_is_the_stated_curve() -> None:
    start = displacement(torch.zeros(1, 4), torch.tensor([0.0, 1.25, 2.5]))
    assert start[0].tolist() == pytest.approx([1.0, 0.0, -1.0], abs=1e-6)
    damped = displacement(torch.tensor([[1.0, 1.0, 0.0, 0.0]]), torch.tensor([5.0]))
    assert float(damped) == pytest.approx(2 * math.exp(-1))


def test_rough_sequences_have_uncertain_targets() -> None:
    """The further the steps are from a smooth curve, the further is the target from what follows from it."""
    inputs, targets = data.load("oscillation").train
    roughness = inputs[:, :, 0].diff(n=3, dim=1).std(1)
    design = torch.cat([inputs[:, -8:, 0], torch.ones(len(inputs), 1)], 1)
    residual = (targets - design @ torch.linalg.lstsq(design, targets).solution).abs().flatten()
    rough = roughness > roughness.median()
    assert float(residual[rough].mean()) > 1.2 * float(residual[~rough].mean())
