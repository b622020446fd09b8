"""ProGAN: of its code, only the direction counts; its cost grows with its images."""

from __future__ import annotations

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from models.generators.progan import ProGAN


@pytest.fixture
def model() -> ProGAN:
    torch.manual_seed(0)
    return ProGAN((3, 16, 16), noise=6, width=4).eval()


def test_of_z_only_the_direction_counts(model: ProGAN) -> None:
    z = torch.randn(6)
    images = model.generate(model.latents([0, 0], {"z": [z.tolist(), (3 * z).tolist()]}))
    torch.testing.assert_close(images[0], images[1])


def test_small_images_cost_little(model: ProGAN) -> None:
    def operations(side: int) -> int:
        latents = model.latents([1, 2], {"resolution": side})
        with FlopCounterMode(display=False) as counter:
            model.judge(model.images(latents), latents)
        return counter.get_total_flops()

    assert 2 * operations(4) < operations(8)
    assert 1.5 * operations(8) < operations(16)
