"""The critic that grows: what it looks at while a resolution fades in."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from models.generation.layers.progressive_critic import ProgressiveCritic


@pytest.fixture
def critic() -> ProgressiveCritic:
    torch.manual_seed(0)
    return ProgressiveCritic(1, (8, 6, 4), (4, 4))


def test_it_takes_every_resolution(critic: ProgressiveCritic) -> None:
    for stage in range(3):
        features = critic.features(torch.rand(5, 1, 4 * 2**stage, 4 * 2**stage), stage, torch.ones(5))
        assert [f.shape[1] for f in features] == [8, 6, 4][stage::-1]
        assert features[-1].shape[2:] == (4, 4)


def test_at_alpha_0_it_sees_the_halved_image_alone(critic: ProgressiveCritic) -> None:
    pixels = torch.rand(5, 1, 16, 16)
    unfaded = critic(F.avg_pool2d(pixels, 2), 1, torch.ones(5))
    torch.testing.assert_close(critic(pixels, 2, torch.zeros(5)), unfaded)
    assert not torch.allclose(critic(pixels, 2, torch.ones(5)), unfaded)


def test_the_batch_counts_through_its_deviation(critic: ProgressiveCritic) -> None:
    pixels = torch.rand(4, 1, 4, 4)
    assert not torch.allclose(critic(pixels, 0, torch.ones(4))[:2], critic(pixels[:2], 0, torch.ones(2)))
