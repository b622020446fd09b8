"""InfoGAN: a GAN whose code has named parts that its images must tell of."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.catalogue import Count
from models.generation.encoder import Encoder, Moments, Probabilities
from models.noise import Categorical, Normal, Site, Uniform
from models.specs import Control

CODE_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")


@dataclass(frozen=True)
class CodePosterior:
    """The distribution ``Q(c | x)`` of codes that a network reads off images.

    Attributes:
        logits: Logits of every categorical code, ``(B, values)`` by its name.
        mean: Mean of every continuous code, ``(B,)`` by its name.
        log_variance: Log-variance of every continuous code, ``(B,)`` by its name.
    """

    logits: dict[str, Tensor]
    mean: dict[str, Tensor]
    log_variance: dict[str, Tensor]


class InfoGAN(Encoder):
    """A convolutional generator, and a discriminator whose trunk also reads the code off an image.

    Both have two convolutions of stride 2 and batch normalisation, as in the paper's MNIST networks, so an image's
    sides must be multiples of 4.

    Args:
        shape: ``(channels, height, width)`` of an image.
        categorical: Names of the categorical codes with their number of values.
        continuous: Names of the codes that are uniform on [-1, 1].
        noise: Size of the incompressible noise z.
        width: Channels after the generator's first upsampling; it has twice as many before.
        critic_width: Channels after the discriminator's first convolution; it has twice as many after the second.
        hidden: Width of the layer that the discriminator and Q share last.

    References:
        Chen et al. (2016), InfoGAN, appendix C.1.
    """

    def __init__(
        self,
        shape: tuple[int, int, int],
        categorical: dict[str, int],
        continuous: tuple[str, ...] = (),
        noise: Count = 62,
        width: Count = 64,
        critic_width: Count = 32,
        hidden: Count = 128,
    ) -> None:
        super().__init__()
        _check(shape, categorical, continuous)
        self.noise = noise
        self.categorical = categorical
        self.continuous = continuous
        code = sum(categorical.values()) + len(continuous)
        self.generator = _generator(shape, noise + code, width)
        self.trunk = _trunk(shape, critic_width, hidden)
        self.judge = nn.Linear(hidden, 1)
        self.reader = nn.Sequential(
            nn.Linear(hidden, 64), nn.BatchNorm1d(64), nn.LeakyReLU(0.1), nn.Linear(64, code + len(continuous))
        )
        self.sites = (
            Site("z", (noise,), Normal()),
            *(Site(name, (), Categorical(values)) for name, values in categorical.items()),
            *(Site(name, (), Uniform(-1.0, 1.0)) for name in continuous),
        )
        self.controls = _controls(noise, categorical, continuous)

    def images(self, latents: Mapping[str, Tensor]) -> Tensor:
        """Return images ``(B, *shape)`` in [0, 1] of codes ``(B, ...)``: ``z``, and one part for each named code."""
        parts = [latents["z"]]
        parts += [F.one_hot(latents[name], values).to(parts[0]) for name, values in self.categorical.items()]
        parts += [latents[name].unsqueeze(-1) for name in self.continuous]
        return torch.sigmoid(self.generator(torch.cat(parts, -1)))

    def judge_and_read(self, pixels: Tensor) -> tuple[Tensor, CodePosterior]:
        """Return how real images ``(B, *shape)`` in [0, 1] look, as logits ``(B,)``, and the codes read off them."""
        features = self.trunk(2 * pixels - 1)
        read = self.reader(features).float()  # bfloat16 in training
        *logits, means, variances = read.split(
            [*self.categorical.values(), len(self.continuous), len(self.continuous)], dim=-1
        )
        return self.judge(features).squeeze(-1).float(), CodePosterior(
            dict(zip(self.categorical, logits, strict=True)),
            dict(zip(self.continuous, means.unbind(-1), strict=True)),
            dict(zip(self.continuous, variances.clamp(-8, 4).unbind(-1), strict=True)),
        )

    @torch.no_grad()
    def recompute_statistics(self, batches: Iterable[Mapping[str, Tensor]]) -> None:
        """Recompute batch statistics: of the generator, then of the discriminator and Q on its images of these codes.

        In training these two see real, generated and augmented images, each kind with statistics of its own.

        Args:
            batches: Codes of the images, each batch of shape ``(B, ...)``.
        """
        made = list(batches)
        super().recompute_statistics(made)
        before = self.training
        self.train().generator.eval()
        for latents in made:
            self.judge_and_read(self.images(latents))
        self.train(before)

    def readings(self, pixels: Tensor) -> Mapping[str, Moments | Probabilities]:
        """Return the distribution of every named code, ``(B,)`` or ``(B, values)``, of images with pixels in [0, 1]."""
        read = self.judge_and_read(pixels)[1]
        kinds = {name: Probabilities(logits.softmax(-1)) for name, logits in read.logits.items()}
        return kinds | {name: Moments(read.mean[name], read.log_variance[name].exp()) for name in read.mean}

    @torch.inference_mode()
    def read(self, pixels: Tensor, name: str) -> Tensor:
        """Return the likeliest value of a categorical code, ``(B,)``, of images ``(B, *shape)`` in [0, 1]."""
        return self.judge_and_read(pixels)[1].logits[name].argmax(-1)

    @torch.no_grad()
    def reorder(self, name: str, order: Tensor) -> None:
        """Rename the values of a categorical code: value ``i`` becomes what ``order[i]`` was, ``(values,)``."""
        names = list(self.categorical)
        before = sum(self.categorical[other] for other in names[: names.index(name)])
        place = slice(before, before + len(order))
        last = self.reader.get_submodule(str(len(self.reader) - 1))
        codes = self.generator.get_parameter("0.weight")[:, self.noise :]
        for parameter in (codes.T, *last.parameters()):
            parameter[place] = parameter[before + order]


def _check(shape: tuple[int, int, int], categorical: Mapping[str, int], continuous: tuple[str, ...]) -> None:
    if shape[1] % 4 or shape[2] % 4:
        raise ValueError(f"sides of an image must be multiples of 4, not {shape[1]} x {shape[2]}")
    if not categorical and not continuous:
        raise ValueError("there is no code; give a categorical or a continuous one")
    if any(values < 2 for values in categorical.values()):
        raise ValueError("a categorical code has at least 2 values")
    if not all(CODE_NAME.fullmatch(name) for name in (*categorical, *continuous)):
        raise ValueError("a code's name is made of a-z, 0-9 and '_', at most 32, and begins with a letter")
    if len({"z", *categorical, *continuous}) != 1 + len(categorical) + len(continuous):
        raise ValueError("every code needs a name of its own, and 'z' is the noise")


def _generator(shape: tuple[int, int, int], size: int, width: int) -> nn.Sequential:
    height, breadth = shape[1] // 4, shape[2] // 4
    return nn.Sequential(
        nn.Linear(size, 2 * width * height * breadth, bias=False),
        nn.BatchNorm1d(2 * width * height * breadth),
        nn.ReLU(),
        nn.Unflatten(1, (2 * width, height, breadth)),
        nn.ConvTranspose2d(2 * width, width, 4, 2, 1, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(),
        nn.ConvTranspose2d(width, shape[0], 4, 2, 1),
    )


def _trunk(shape: tuple[int, int, int], width: int, hidden: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(shape[0], width, 4, 2, 1),
        nn.LeakyReLU(0.1),
        nn.Conv2d(width, 2 * width, 4, 2, 1),
        nn.BatchNorm2d(2 * width),
        nn.LeakyReLU(0.1),
        nn.Flatten(),
        nn.Linear(2 * width * (shape[1] // 4) * (shape[2] // 4), hidden),
        nn.BatchNorm1d(hidden),
        nn.LeakyReLU(0.1),
    )


def _controls(noise: int, categorical: Mapping[str, int], continuous: tuple[str, ...]) -> tuple[Control, ...]:
    rest = "drawn if left out"
    return (
        Control("z", "vector", -10.0, 10.0, "what the codes do not say, standard normal if left out", size=noise),
        *(
            Control(name, "categorical", 0, values - 1, f"one of {values} kinds of image, {rest}")
            for name, values in categorical.items()
        ),
        *(Control(name, "continuous", -1.0, 1.0, f"a gradual change of the image, {rest}") for name in continuous),
    )
