"""The dispersion of a Bernoulli decoder's grey pixels: how far they vary, against coins of the same mean."""

from __future__ import annotations

import msgspec
import torch

from models.checkpoints.checkpoint import GeneratorSpec
from models.generators.vae import VAE
from training.data import Split

SEED = 0
_ROWS = 2000
_BLOCK = 200


@torch.inference_mode()
def fit_dispersion(model: VAE, spec: GeneratorSpec, held_out: Split) -> GeneratorSpec:
    r"""Return the specification with the dispersion :math:`\phi` of held-out images, where the decoder is Bernoulli.

    It is Pearson's estimate of a quasi-likelihood (McCullagh & Nelder, 1989, section 9.2.3):
    :math:`\phi = \sum (x - \mu)^2 / \sum \mu (1 - \mu)` over pixels, with means :math:`\mu` of codes that were drawn
    for each image.

    Args:
        model: A trained model.
        spec: Its specification.
        held_out: Images that it was not trained on.
    """
    if spec.generator.config.get("decoder", "bernoulli") != "bernoulli" or not len(held_out.inputs):
        return spec
    squared = coins = 0.0
    for block in torch.split(torch.arange(min(len(held_out.inputs), _ROWS)), _BLOCK):
        pixels = spec.images.standardise(held_out.rows(block).inputs)
        (moments,) = model.reconstructions(pixels, 1, SEED)
        squared += float((pixels - moments.mean[0]).square().double().sum())
        coins += float((moments.mean[0] * (1 - moments.mean[0])).double().sum())
    config = {**spec.generator.config, "dispersion": max(squared / coins, 1e-6)}
    return msgspec.structs.replace(spec, generator=msgspec.structs.replace(spec.generator, config=config))
