"""An adversarial generator whose code is noise and nothing else."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from models.generation.adversarial import AdversarialGenerator
from models.noise import Normal, Site
from models.specs import whole_code


class Unconditional(AdversarialGenerator):
    """A generator of images from noise, whose critic sees pixels in [-1, 1].

    Args:
        noise: Size of the code z.
    """

    def __init__(self, noise: int) -> None:
        super().__init__()
        self.sites = (Site("z", (noise,), Normal()),)
        self.controls = (whole_code(noise),)

    def judge(self, pixels: Tensor, latents: Mapping[str, Tensor]) -> Tensor:
        verdicts: Tensor = self.critic(2 * pixels - 1)
        return verdicts.flatten()
