"""StyleGAN: a generator that a style controls at every layer."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.catalogue import Count
from models.errors import ControlError, InputShapeError
from models.generation.layers.adaptive_instance_norm import AdaptiveInstanceNorm
from models.generation.layers.equalised import RELU_GAIN, EqualisedConv2d, EqualisedLinear
from models.generation.layers.pixel_norm import PixelNorm
from models.generation.layers.progressive_critic import ProgressiveCritic
from models.generation.layers.to_rgb import ToRGB
from models.generation.progressive import (
    ProgressiveGenerator,
    progressive_channels,
    progressive_controls,
    progressive_sizes,
    stage,
)
from models.generation.projection import projection
from models.generation.style import Projection, Projector, StyleMixer
from models.noise import Normal, Site
from models.specs import Control, choice, whole_code

_NOISE = ("const", "random", "none")
_PIXEL_NOISE = "pixel noise"
_FOLLOWED = 0.005
"""Weight of a batch's mean in the running mean of w."""


class StyleGAN(ProgressiveGenerator, StyleMixer, Projector):
    """A progressive GAN whose layers are normalised to a style w, which a mapping network makes of the code z.

    Args:
        shape: ``(channels, height, width)`` of the largest images.
        noise: Size of the code z, of which only the direction counts.
        style: Size of the style w.
        depth: Layers of the mapping network.
        mapping_rate: Ratio of that network's learning rate to the others'; the paper's for eight layers of 512.
        width: Channels of the features at the largest resolution; twice as many at each one below.
        most: Largest number of channels at any resolution.

    Attributes:
        mean_style: Running mean of w, ``(style,)``, which training moves (:meth:`update_mean_style`).

    References:
        Karras et al. (2019), A Style-Based Generator Architecture for Generative Adversarial Networks.
    """

    generator: _Generator
    mean_style: Tensor
    constant_noise: Tensor
    precision = torch.float64
    """Many layers end in steep edges: computed in float32, a pixel of a digit differs by up to 2e-5 between batches."""

    def __init__(
        self,
        shape: tuple[int, int, int],
        noise: Count = 64,
        style: Count = 64,
        depth: Count = 8,
        mapping_rate: float = 0.01,
        width: Count = 16,
        most: Count = 512,
    ) -> None:
        super().__init__()
        self.shape = shape
        self.sizes = progressive_sizes(shape)
        channels = progressive_channels(len(self.sizes), width, most)
        self.generator = _Generator(_mapping(noise, style, depth, mapping_rate), style, shape[0], channels, self.sizes)
        self.critic = ProgressiveCritic(shape[0], channels, self.sizes[0])
        self.layers = len(self.generator.layers)
        ends = [self.layers * i // 3 for i in range(4)]
        self.levels = {name: range(*ends[i : i + 2]) for i, name in enumerate(("coarse", "middle", "fine"))}
        pixels = sum(self.generator.pixels)
        self.register_buffer("mean_style", torch.zeros(style))
        self.register_buffer("constant_noise", torch.randn(pixels))
        self.sites = (Site("z", (noise,), Normal()), Site(_PIXEL_NOISE, (pixels,), Normal()))
        self.controls = _controls(noise, style, self.sizes)

    @property
    def to_rgb(self) -> ToRGB:
        return self.generator.painter

    def images(self, latents: Mapping[str, Tensor]) -> Tensor:
        """Return images ``(B, channels, height, width)`` in [0, 1] of codes ``(B, ...)`` of one stage."""
        styles, noise = self.styles(latents), self._pixel_noise(latents)
        images: Tensor = self.generator(styles, noise, stage(latents), latents["fade_alpha"])
        return images

    def check_together(self, given: Mapping[str, Tensor]) -> None:
        super().check_together(given)
        if {"z", "w"} <= given.keys():
            raise ControlError("w is in place of what z stands for; leave one of them out")

    def styles(self, latents: Mapping[str, Tensor]) -> Tensor:
        """Return the truncated style of every layer, ``(B, layers, style)``, from ``styles``, ``w`` or ``z``."""
        if "styles" in latents:
            return latents["styles"]
        w = latents["w"] if "w" in latents else self.generator.mapping(latents["z"])
        w = w.to(self.mean_style.dtype)  # it is bfloat16 in training
        truncated = torch.lerp(self.mean_style, w, latents["truncation_psi"][:, None])
        return truncated[:, None].expand(-1, self.layers, -1)

    def _pixel_noise(self, latents: Mapping[str, Tensor]) -> Tensor:
        kind = _NOISE[int(latents["noise"][0])]
        if kind == "random":
            return latents[_PIXEL_NOISE]
        return self.constant_noise[None] * (kind == "const")

    @torch.no_grad()
    def update_mean_style(self, styles: Tensor) -> None:
        """Move the running mean of w towards the mean of a batch ``(B, style)``: for training alone."""
        self.mean_style.lerp_(styles.mean(0), _FOLLOWED)

    @torch.no_grad()
    def recompute_statistics(self, batches: Iterable[Mapping[str, Tensor]]) -> None:
        """Recompute the mean of w from the styles of these codes, each batch ``(B, ...)``; there is no batch norm."""
        self.mean_style.copy_(torch.cat([self.generator.mapping(latents["z"]) for latents in batches]).mean(0))

    def projection(self, pixels: Tensor, steps: int = 300) -> Iterator[Projection]:
        """Search for the style of an image by its pixels and by the critic's features at every resolution.

        Args:
            pixels: One image ``(channels, height, width)`` of the full size, with pixels in [0, 1].
            steps: Number of steps of gradient descent.
        """
        if tuple(pixels.shape) != self.shape:
            raise InputShapeError(f"the image has shape {tuple(pixels.shape)}; allowed is {self.shape}")
        pixels = pixels.to(self.mean_style.dtype)
        last, whole = len(self.sizes) - 1, pixels.new_ones(1)
        silence = torch.zeros_like(self.constant_noise)[None]
        return projection(
            lambda w: self.generator(w[:, None].expand(-1, self.layers, -1), silence, last, whole),
            lambda images: self.critic.features(images, last, whole),
            self.mean_style,
            pixels,
            steps,
        )


class _Generator(nn.Module):
    """The mapping network, and the synthesis network of two layers a resolution."""

    def __init__(
        self,
        mapping: nn.Module,
        style: int,
        colours: int,
        channels: Sequence[int],
        sizes: tuple[tuple[int, int], ...],
    ) -> None:
        super().__init__()
        first = channels[0]
        self.mapping = mapping
        self.constant = nn.Parameter(torch.ones(first, *sizes[0]))
        self.layers = nn.ModuleList(
            [_Layer(nn.Identity(), first, style), _Layer(EqualisedConv2d(first, first, 3, RELU_GAIN), first, style)]
        )
        for low, high in itertools.pairwise(channels):
            # Bilinear: nearest neighbours and then the low-pass filter of the paper's section 2.
            larger = nn.Upsample(scale_factor=2, mode="bilinear")
            widened = nn.Sequential(larger, EqualisedConv2d(low, high, 3, RELU_GAIN))
            self.layers.append(_Layer(widened, high, style))
            self.layers.append(_Layer(EqualisedConv2d(high, high, 3, RELU_GAIN), high, style))
        self.painter = ToRGB(channels, colours)
        self.pixels = [height * width for height, width in sizes for _ in range(2)]

    def forward(self, styles: Tensor, noise: Tensor, stage: int, alpha: Tensor) -> Tensor:
        """Return images of styles ``(B, layers, style)`` and noise ``(B or 1, pixels of all layers)``."""
        x = self.constant.expand(styles.shape[0], -1, -1, -1)
        outputs = []
        used = list(self.layers)[: 2 * (stage + 1)]
        for layer, own, style in zip(used, torch.split(noise, self.pixels, 1), styles.unbind(1), strict=False):
            x = layer(x, own, style)
            outputs.append(x)
        images: Tensor = self.painter(outputs[1::2], alpha)
        return images


class _Layer(nn.Module):
    """A layer that adds noise to every feature map, by a learnt strength, then a leaky ReLU and the style."""

    def __init__(self, before: nn.Module, channels: int, style: int) -> None:
        super().__init__()
        self.before = before
        self.strength = nn.Parameter(torch.zeros(channels, 1, 1))
        self.norm = AdaptiveInstanceNorm(style, channels)

    def forward(self, x: Tensor, noise: Tensor, style: Tensor) -> Tensor:
        """Return features ``(B, C, H, W)`` of those below, noise ``(B or 1, H * W)`` and styles ``(B, style)``."""
        x = self.before(x)
        x = x + self.strength * noise.view(-1, 1, *x.shape[2:])
        normed: Tensor = self.norm(F.leaky_relu(x, 0.2), style)
        return normed


def _mapping(noise: int, style: int, depth: int, rate: float) -> nn.Sequential:
    sizes = [noise, *[style] * depth]
    layers = (
        nn.Sequential(EqualisedLinear(inputs, outputs, RELU_GAIN, rate), nn.LeakyReLU(0.2))
        for inputs, outputs in itertools.pairwise(sizes)
    )
    return nn.Sequential(PixelNorm(), *layers)


def _controls(noise: int, style: int, sizes: tuple[tuple[int, int], ...]) -> tuple[Control, ...]:
    return (
        whole_code(noise),
        Control("w", "vector", -100.0, 100.0, "the style in place of what z stands for, if given", size=style),
        Control(
            "truncation_psi",
            "continuous",
            0.0,
            1.5,
            "how far a style is from the mean one: 0 is the mean image, 1, if left out, all variety",
            default=1.0,
        ),
        choice("noise", _NOISE, "const", "detail: the same for every image, its own, or none; const if left out"),
        *progressive_controls(sizes),
    )
