"""Style mixing: an image whose layers have the styles of different codes."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from models.generation.style import StyleMixer

Latents = Mapping[str, Tensor]


@torch.inference_mode()
def mix_styles(model: StyleMixer, latents: Latents, sources: Mapping[str, Latents]) -> dict[str, Tensor]:
    """Return codes ``(B, ...)`` with the styles of some levels of layers taken from other codes of as many images.

    Args:
        latents: Codes ``(B, ...)`` that give everything else: the noise, the size, the other levels.
        sources: Codes ``(B, ...)`` by the name of the level.

    References:
        Karras et al. (2019), A Style-Based Generator Architecture for Generative Adversarial Networks, section 3.1.
    """
    styles = _styles(model, latents)
    for level, source in sources.items():
        layers = slice(model.levels[level].start, model.levels[level].stop)
        styles[:, layers] = _styles(model, source)[:, layers]
    return dict(latents) | {"styles": styles}


def _styles(model: StyleMixer, latents: Latents) -> Tensor:
    return model.styles(model.to_weights(latents)).cpu().clone()
