"""StyleGAN's loss: mixed styles in training, and a mean style that follows."""

from __future__ import annotations

import pytest
import torch

from models.generators.stylegan import StyleGAN
from training.losses.step_context import StepContext
from training.losses.stylegan import StyleGANLoss


@pytest.fixture
def model() -> StyleGAN:
    torch.manual_seed(0)
    return StyleGAN((1, 16, 16), noise=4, style=5, depth=2, width=4)


def test_about_the_share_that_is_asked_for_is_mixed_at_one_place_each(model: StyleGAN) -> None:
    latents = model.latents(range(400))
    styles = model.styles(latents).detach()
    mixed = StyleGANLoss(model, 0.0, mixing=0.75).mix(styles, latents, StepContext(0, 3, 0.0))
    other = (mixed != styles).any(-1).int()
    assert float(other.any(1).float().mean()) == pytest.approx(0.75, abs=0.07)
    assert not other[:, 0].any()
    assert (other.diff(dim=1) >= 0).all()
    assert sorted(set(other.sum(1).tolist())) == [0, 1, 2, 3, 4, 5]


def test_only_layers_in_use_are_a_place_to_change(model: StyleGAN) -> None:
    latents = model.latents(range(100), {"resolution": 4})
    styles = model.styles(latents).detach()
    mixed = StyleGANLoss(model, 0.0, mixing=1.0).mix(styles, latents, StepContext(0, 3, 0.0))
    assert (mixed[:, 1] != styles[:, 1]).any(1).all()


def test_a_step_decides_what_is_mixed(model: StyleGAN) -> None:
    loss, latents = StyleGANLoss(model, 0.0), model.latents(range(8))
    images = [loss.generate(latents, StepContext(seed, step, 1.0)) for seed, step in ((0, 1), (0, 1), (0, 2), (1, 1))]
    assert torch.equal(images[0], images[1])
    assert not torch.equal(images[0], images[2])
    assert not torch.equal(images[0], images[3])


def test_training_moves_the_mean_style_and_learns_the_mapping(model: StyleGAN) -> None:
    loss = StyleGANLoss(model, 0.0)
    latents = model.latents(range(8), loss.codes(1.0))
    assert latents["noise"].tolist() == [1] * 8
    fake = loss.generate(latents, StepContext(0, 0, 1.0))
    torch.testing.assert_close(model.mean_style, 0.005 * model.styles(latents)[:, 0].detach().mean(0))
    loss.generator_loss(fake, latents, StepContext(0, 0, 1.0)).minimised.backward()
    assert all(p.grad is not None for p in model.generator.mapping.parameters())
