"""A tiny generator with every kind of control, styles to mix and a search: what the tests serve as one more family."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.errors import ControlError
from models.generation.style import Projection, Projector, StyleMixer
from models.noise import Normal, Site
from models.specs import Control, choice

LAYERS, WIDTH, SIDE = 3, 4, 8
SEARCH_STEPS = 60


class Layered(StyleMixer, Projector):
    """Each of three layers adds a pattern that its style weighs: a level, a slope and stripes, and then noise."""

    def __init__(self, shape: tuple[int, int, int]) -> None:
        super().__init__()
        self.shape = shape
        self.mapping = nn.Linear(WIDTH, WIDTH)
        self.patterns = nn.Parameter(torch.randn(LAYERS, WIDTH, SIDE, SIDE))
        self.levels = {"coarse": range(1), "middle": range(1, 2), "fine": range(2, 3)}
        self.sites = (Site("z", (WIDTH,), Normal()), Site("layer noise", (SIDE, SIDE), Normal()))
        self.controls = (
            Control("z", "vector", -10.0, 10.0, "the code", size=WIDTH),
            Control("w", "vector", -10.0, 10.0, "in place of z", size=WIDTH),
            Control("truncation_psi", "continuous", 0.0, 1.0, "distance from the mean image", default=1.0),
            Control("fade_alpha", "continuous", 0.0, 1.0, "fade from the smaller image", default=1.0),
            choice("resolution", ("4", "8"), "8", "side in pixels"),
            choice("noise", ("const", "random", "none"), "const", "what the seed adds"),
        )

    def check_together(self, given: Mapping[str, Tensor]) -> None:
        smallest = "resolution" in given and bool((given["resolution"] == 0).any())
        if smallest and "fade_alpha" in given and bool((given["fade_alpha"] < 1).any()):
            raise ControlError("fade_alpha has no effect at the smallest resolution", "/fade_alpha")

    def styles(self, latents: Mapping[str, Tensor]) -> Tensor:
        if "styles" in latents:
            return latents["styles"]
        w = latents["w"] if "w" in latents else torch.tanh(self.mapping(latents["z"]))
        return (latents["truncation_psi"].unsqueeze(-1) * w).unsqueeze(1).expand(-1, LAYERS, -1)

    def images(self, latents: Mapping[str, Tensor]) -> Tensor:
        logits = torch.einsum("blw,lwxy->bxy", self.styles(latents), self.patterns).unsqueeze(1)
        noise = self.control("noise").choices[int(latents["noise"][0])]
        if noise != "none":
            logits = logits + (latents["layer noise"].unsqueeze(1) if noise == "random" else self.patterns[0, :1])
        small = F.avg_pool2d(logits, 2)
        if self.control("resolution").choices[int(latents["resolution"][0])] == "4":
            return torch.sigmoid(small)
        faded = torch.lerp(F.interpolate(small, scale_factor=2.0), logits, latents["fade_alpha"][:, None, None, None])
        return torch.sigmoid(faded)

    def projection(self, pixels: Tensor) -> Iterator[Projection]:
        w = torch.zeros(1, WIDTH, requires_grad=True)
        rest = {name: code for name, code in self.latents([0]).items() if name != "z"}
        optimiser = torch.optim.Adam([w], 0.1)
        for step in range(1, SEARCH_STEPS + 1):
            image, now = self.images(rest | {"w": w}), w.detach()[0].clone()
            loss = (image[0] - pixels).square().mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            yield Projection(now, image[0].detach(), float(loss.detach()), step, SEARCH_STEPS)
