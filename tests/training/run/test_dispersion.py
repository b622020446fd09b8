"""The variance of grey pixels is that of their errors, not that of coins."""

from __future__ import annotations

import pytest
import torch

from models.catalogue import Component
from models.checkpoints.checkpoint import GeneratorSpec
from models.generators.vae import VAE
from models.specs import InputSpec
from training.data import Split
from training.run.dispersion import fit_dispersion
from training.seeds import initialised

IMAGES = InputSpec("image", (1, 4, 4), (0.0,), (16.0,), 0.0, 16.0)


def spec(**config: object) -> GeneratorSpec:
    return GeneratorSpec(Component("vae", {"hidden": [8], "latent": 2, **config}), IMAGES)


def test_the_variance_is_the_mean_squared_error_of_held_out_pixels() -> None:
    model = initialised(spec(), 0)
    assert isinstance(model, VAE)
    grey = 0.5 + 0.05 * torch.randn(500, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    fitted = fit_dispersion(model, spec(), Split(16 * grey, torch.zeros(500)))
    again = fitted.build().requires_grad_(False)
    again.load_state_dict(model.state_dict())
    assert isinstance(again, VAE)
    (moments,) = again.reconstructions(grey, 1, 0)
    errors = (grey - moments.mean[0]).square().mean()
    assert float(moments.variance.mean()) == pytest.approx(float(errors), rel=1e-3)
    assert float(moments.variance.mean()) < 0.05  # that of coins is .25


def test_a_gaussian_decoder_has_a_variance_of_its_own() -> None:
    gaussian = spec(decoder="gaussian")
    model = initialised(gaussian, 0)
    assert isinstance(model, VAE)
    assert fit_dispersion(model, gaussian, Split(torch.rand(5, 1, 4, 4), torch.zeros(5))) == gaussian
