"""Generators that make an image layer by layer from styles, which may come from different codes."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping

import torch
from torch import Tensor

from models.generator import Generator


class StyleMixer(Generator):
    """A generator whose codes may hold ``styles``, one vector for every layer, in place of what they come from.

    Styles are final: ``images(latents | {"styles": styles(latents)})`` are ``images(latents)``.

    Attributes:
        levels: Layers by what their styles decide: ``coarse``, ``middle``, ``fine``.
    """

    levels: Mapping[str, range]

    @abstractmethod
    def styles(self, latents: Mapping[str, Tensor]) -> Tensor:
        """The styles that codes stand for, truncated as the codes say: ``(B, layers, w)``."""

    @torch.inference_mode()
    def mixed(self, latents: Mapping[str, Tensor], sources: Mapping[str, Mapping[str, Tensor]]) -> dict[str, Tensor]:
        """The same codes, with the styles of some levels taken from other codes of as many images.

        Args:
            latents: Everything else comes from these: the noise, the resolution, the other levels.
            sources: Codes by the name of the level.

        References:
            Karras et al. (2019), A Style-Based Generator Architecture for GANs, section 3.1.
        """
        styles = self._styles(latents)
        for level, source in sources.items():
            layers = slice(self.levels[level].start, self.levels[level].stop)
            styles[:, layers] = self._styles(source)[:, layers]
        return dict(latents) | {"styles": styles}

    def _styles(self, latents: Mapping[str, Tensor]) -> Tensor:
        device = next(self.parameters()).device
        return self.styles({name: tensor.to(device) for name, tensor in latents.items()}).cpu().clone()
