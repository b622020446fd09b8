"""The base of every generator: a deterministic map from a latent code to an image."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from models.errors import ControlError, NonFiniteOutputError
from models.noise import Normal, Site, draw_noise_per_row
from models.specs import Control, find_control

Value = float | str | Sequence[float | str] | Sequence[Sequence[float]]
Codes = Mapping[str, Value]
"""Values of controls by name: one value for every image, or one per image."""


class Generator(nn.Module, ABC):
    """A generative model whose draw is one latent code.

    A control of the name of a site overrides what the seed draws there. One with a default is not random: the code
    holds the default unless a request says otherwise. One with neither (a style ``w`` in place of the code ``z``) is
    absent from the code unless it is given.

    Attributes:
        sites: Noise sites of one latent code.
        controls: Parts of a code that a request may set.
        precision: Type that a service computes images in, so that an image beside others is that image alone to 1e-5.
    """

    sites: tuple[Site, ...]
    controls: tuple[Control, ...]
    precision: ClassVar[torch.dtype] = torch.float32

    @abstractmethod
    def images(self, latents: Mapping[str, Tensor]) -> Tensor:
        """Return images ``(B, channels, height, width)`` with pixels in [0, 1], from codes with ``B`` leading.

        All ``B`` codes are of one :meth:`kind`.
        """

    @torch.no_grad()
    def recompute_statistics(self, batches: Iterable[Mapping[str, Tensor]]) -> None:
        """Recompute what is measured on generated images, not learnt by gradients: statistics of batch normalisation.

        Args:
            batches: Codes of the images to measure, each batch of shape ``(B, ...)``.
        """
        normalising = [module for module in self.modules() if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d)]
        for module in normalising:  # forget, and then take the plain mean over batches
            module.momentum, module.num_batches_tracked = None, torch.tensor(0)
        before = self.training
        self.train()
        for latents in batches if normalising else ():
            self.images(latents)
        self.train(before)

    def latents(self, seeds: Sequence[int], codes: Codes | None = None) -> dict[str, Tensor]:
        """Return latent codes for as many images as seeds: drawn from each image's seed, then overridden by ``codes``.

        Returns:
            Tensors of shape ``(images, ...)`` by name.

        Raises:
            ControlError: for a control that does not exist, or a value that it does not take.
        """
        return self.complete(draw_noise_per_row(self.sites, seeds), codes)

    def complete(self, drawn: Mapping[str, Tensor], codes: Codes | None = None) -> dict[str, Tensor]:
        """Return drawn codes ``(images, ...)`` with everything that is not random, overridden by ``codes``.

        Raises:
            ControlError: for a control that does not exist, or a value that it does not take.
        """
        images = len(next(iter(drawn.values())))
        return dict(drawn) | self.defaults(images) | self.parse_codes(codes or {}, images)

    def defaults(self, images: int) -> dict[str, Tensor]:
        """Return the controls that are not random, at their defaults, each of shape ``(images,)``."""
        fixed = [control for control in self.controls if control.default is not None]
        return {c.name: torch.full((images,), c.default or 0, dtype=_dtype(c)) for c in fixed}

    def parse_codes(self, codes: Codes, images: int) -> dict[str, Tensor]:
        """Return given codes in the form of drawn ones, ``(images, ...)``; nothing is drawn for it.

        Raises:
            ControlError: for a control that does not exist, or a value that it does not take.
        """
        given = {name: parse_value(self.control(name), value, images) for name, value in codes.items()}
        self.check_together(given)
        return given

    def control(self, name: str) -> Control:
        """Return the control of a name.

        Raises:
            ControlError: naming those that exist.
        """
        return find_control(self.controls, name)

    def check_together(self, given: Mapping[str, Tensor]) -> None:
        """Refuse controls that have no meaning beside each other in one code; a family that has such overrides this.

        Args:
            given: Values that a request sets or sweeps over, ``(images, ...)`` by the control's name.

        Raises:
            ControlError: naming them.
        """

    def is_gaussian(self, name: str) -> bool:
        """Return whether the seed draws this part of the code from the standard normal."""
        return any(site.name == name and isinstance(site.distribution, Normal) for site in self.sites)

    def kind(self, latents: Mapping[str, Tensor]) -> Hashable:
        """Return what codes ``(B, ...)`` of one batch of images have in common: their parts and their choices."""
        choices = [control.name for control in self.controls if control.kind == "choice"]
        return tuple(sorted(latents)), tuple(tuple(sorted(set(latents[name].tolist()))) for name in choices)

    @torch.inference_mode()
    def generate(self, latents: Mapping[str, Tensor]) -> Tensor:
        """Return images of latent codes, in evaluation mode: an image does not depend on the others in its batch.

        Returns:
            Pixels in [0, 1], ``(B, channels, height, width)``, float32 whatever the weights are.

        Raises:
            NonFiniteOutputError: if a pixel is NaN.
        """
        images = self.images(self.to_weights(latents)).float()
        if not images.isfinite().all():
            raise NonFiniteOutputError("the generator's output is not finite")
        return images

    def to_weights(self, latents: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return latent codes ``(B, ...)`` on the device of the weights, and in their precision."""
        weight = next(self.parameters())
        return {
            name: tensor.to(weight.device, weight.dtype if tensor.is_floating_point() else tensor.dtype)
            for name, tensor in latents.items()
        }


def _dtype(control: Control) -> torch.dtype:
    return torch.int64 if control.kind in ("categorical", "choice") else torch.float32


def parse_value(control: Control, value: Value, images: int) -> Tensor:
    """Return what a request gives for a control, as codes ``(images,)`` or ``(images, size)``.

    Raises:
        ControlError: for a value that the control does not take.
    """
    if control.kind == "choice":
        return _chosen(control, value, images)
    one = f"{control.size} numbers" if control.kind == "vector" else "one number"
    shapes = f"{control.name} takes {one}, or a list of that for each of the {images} images"
    try:
        given = torch.as_tensor(value, dtype=torch.float64)
    except (TypeError, ValueError, OverflowError, RuntimeError) as error:
        raise ControlError(shapes, f"/{control.name}") from error
    item = (control.size,) if control.kind == "vector" else ()
    if tuple(given.shape) not in {item, (images, *item)}:
        raise ControlError(f"{shapes}; {_counted(given)} given", f"/{control.name}")
    _check_range(control, given)
    return given.to(_dtype(control)).expand(images, *item)


def _counted(given: Tensor) -> str:
    """Return the shape of a value in words."""
    if given.ndim == 1:
        return f"{len(given)} were"
    return " x ".join(map(str, given.shape)) + " were" if given.ndim else "one was"


def _check_range(control: Control, given: Tensor) -> None:
    allowed, bad = "values", ~((given >= control.low) & (given <= control.high))  # NaN is neither
    if control.kind == "categorical" and not bad.any():
        allowed, bad = "whole numbers", given != given.round()
    if bad.any():
        first = bad.nonzero()[0].tolist()
        raise ControlError(
            f"{control.name} takes {allowed} from {control.low:g} to {control.high:g}; "
            f"{float(given[tuple(first)]):.15g} was given",
            "".join(f"/{part}" for part in (control.name, *first)),
        )


def _chosen(control: Control, value: Value, images: int) -> Tensor:
    """Return one choice for all images, by its name, ``(images,)``: those of a batch are alike in it."""
    name = str(value) if isinstance(value, int) else f"{value:g}" if isinstance(value, float) else value
    if name not in control.choices:
        raise ControlError(f"{control.name} takes one of: {', '.join(control.choices)}", f"/{control.name}")
    return torch.full((images,), control.choices.index(str(name)), dtype=torch.int64)
