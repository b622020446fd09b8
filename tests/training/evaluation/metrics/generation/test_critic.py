"""A critic whose slope is known estimates a known multiple of the distance of the means."""

from __future__ import annotations

import pytest
import torch
from rounding import ROUNDING
from torch import nn

from models.generators.wgan import WGAN
from training.data import Dataset
from training.data.pixels import pixels
from training.evaluation.metrics.generation.critic import evaluate_critic, measure

SLOPE = 3.0


@pytest.fixture
def linear() -> WGAN:
    """Its value is three times the sum of the pixels over their number's root, so its slope is 3 everywhere."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = WGAN((1, 8, 8), noise=4, width=4, critic_width=4).eval()
    layer = nn.Linear(64, 1)
    nn.init.constant_(layer.weight, SLOPE / 8 / 2)  # the critic sees pixels in [-1, 1]
    model.critic = nn.Sequential(nn.Flatten(), layer)
    return model


def test_the_slope_and_the_distance_of_a_linear_critic(linear: WGAN, digits: Dataset) -> None:
    measured = measure(linear, digits, 5)
    assert measured["critic_slope_mean"] == pytest.approx(SLOPE, rel=1e-4)
    assert measured["critic_slope_largest"] == pytest.approx(SLOPE, rel=1e-4)
    test = pixels(digits.inputs, digits.test.inputs)
    made = linear.generate(linear.latents(range(5, 5 + len(test))))
    expected = SLOPE * 8 * float(test.mean() - made.mean())
    assert measured["critic_distance_test"] == pytest.approx(expected, rel=1e-3)


def test_the_same_images_are_no_distance_apart(linear: WGAN) -> None:
    made = linear.generate(linear.latents(range(10)))
    seen = evaluate_critic(linear, made, made, 0)
    torch.testing.assert_close(seen.test, seen.generated, **ROUNDING)
    torch.testing.assert_close(seen.train, seen.generated, **ROUNDING)
