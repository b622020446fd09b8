"""Generators without weights to speak of, of which it is known what they make."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from models.generation.generator import Generator
from models.generation.style import StyleMixer
from models.noise import Categorical, Normal, Site, Uniform
from models.specs import Control, choice


class Copier(Generator):
    """Shows images that it was given, each as likely as any other."""

    def __init__(self, shown: Tensor) -> None:
        super().__init__()
        self.shown = nn.Parameter(shown, requires_grad=False)
        self.sites = (Site("which", (), Categorical(len(shown))),)
        self.controls = (Control("which", "categorical", 0, len(shown) - 1, "one of the images"),)

    def images(self, latents: Mapping[str, Tensor]) -> Tensor:
        return self.shown[latents["which"]]


class Painter(Generator):
    """One shade for a whole image, so that it can be read what an image was made of; with every kind of control.

    The shade is that of ``z[0]``, or of ``w`` styles of three layers; ``truncation_psi`` is a factor on it, and
    ``resolution`` the side.
    """

    def __init__(self, *names: str, size: int = 3) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))
        self.sites = (Site("z", (size,), Normal()), Site("kind", (), Categorical(4)), Site("c", (), Uniform(-1.0, 1.0)))
        self.sites = tuple(site for site in self.sites if site.name in names)
        controls = (
            Control("z", "vector", -2.0, 2.0, "shade", size),
            Control("kind", "categorical", 0, 3, "shade"),
            Control("c", "continuous", -1.0, 1.0, "shade"),
            choice("resolution", ("2", "4"), "4", "side"),
            Control("truncation_psi", "continuous", 0.0, 2.0, "contrast", default=1.0),
        )
        self.controls = tuple(control for control in controls if control.name in names)

    def images(self, latents: Mapping[str, Tensor]) -> Tensor:
        shade = sum(self.shades(latents), torch.zeros(())) * latents.get("truncation_psi", torch.ones(()))
        side = 2 if bool((latents.get("resolution", torch.ones(())) == 0).any()) else 4
        return torch.sigmoid(shade)[:, None, None, None].expand(-1, 1, side, side)

    def shades(self, latents: Mapping[str, Tensor]) -> list[Tensor]:
        parts = [latents[name] for name in ("kind", "c") if name in latents]
        return [*parts, latents["z"][:, 0]] if "z" in latents else parts


class Mixer(Painter, StyleMixer):
    """Three layers with a style of one number each, which is their colour."""

    def __init__(self) -> None:
        super().__init__("z")
        self.levels = {"coarse": range(1), "middle": range(1, 2), "fine": range(2, 3)}

    def styles(self, latents: Mapping[str, Tensor]) -> Tensor:
        return latents["styles"] if "styles" in latents else latents["z"].unsqueeze(-1)

    def images(self, latents: Mapping[str, Tensor]) -> Tensor:
        return torch.sigmoid(self.styles(latents))[..., None].expand(-1, -1, 4, 4)
