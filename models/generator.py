"""What every generator is: a deterministic map from a latent code to an image."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from models.errors import ControlError, NonFiniteOutputError
from models.noise import Site, draw_rows
from models.specs import Control

Codes = Mapping[str, float | Sequence[float]]
"""Values of controls by name: one value for every image, or one per image."""


class Generator(nn.Module, ABC):
    """A generative model whose draw is one latent code.

    Attributes:
        sites: The noise of one latent code; each has a control of the same name.
        controls: What a request may set.
    """

    sites: tuple[Site, ...]
    controls: tuple[Control, ...]

    @abstractmethod
    def images(self, latents: Mapping[str, Tensor]) -> Tensor:
        """Images ``(B, channels, height, width)`` with pixels in [0, 1], from codes with ``B`` leading."""

    def latents(self, seeds: Sequence[int], codes: Codes | None = None) -> dict[str, Tensor]:
        """Latent codes for ``len(seeds)`` images: drawn from each image's own seed, then overridden by ``codes``.

        Raises:
            ControlError: for a control that does not exist, or a value that it does not take.
        """
        return draw_rows(self.sites, seeds) | self.overrides(codes or {}, len(seeds))

    def overrides(self, codes: Codes, images: int) -> dict[str, Tensor]:
        """Given codes in the form of drawn ones, ``images`` rows each; nothing is drawn for it.

        Raises:
            ControlError: for a control that does not exist, or a value that it does not take.
        """
        controls = {control.name: control for control in self.controls}
        sites = {site.name: site for site in self.sites}
        chosen = {}
        for name, value in codes.items():
            if name not in controls:
                raise ControlError(f"there is no control of that name; there are: {', '.join(controls)}")
            whole = controls[name].kind == "categorical"
            form = torch.empty(images, *sites[name].shape, dtype=torch.int64 if whole else torch.float32)
            chosen[name] = _override(controls[name], value, form)
        return chosen

    @torch.inference_mode()
    def generate(self, latents: Mapping[str, Tensor]) -> Tensor:
        """Images of latent codes, in evaluation mode: an image does not depend on the others in its batch.

        Raises:
            NonFiniteOutputError: if a pixel is NaN.
        """
        device = next(self.parameters()).device
        images = self.images({name: tensor.to(device) for name, tensor in latents.items()})
        if not images.isfinite().all():
            raise NonFiniteOutputError("the generator's output is not finite")
        return images


def _override(control: Control, value: float | Sequence[float], drawn: Tensor) -> Tensor:
    one = f"{control.size} numbers" if control.kind == "vector" else "one number"
    shapes = f"{control.name} takes {one}, or a list of that for each of the {len(drawn)} images"
    try:
        given = torch.as_tensor(value, dtype=torch.float64)
    except (TypeError, ValueError, OverflowError, RuntimeError) as error:
        raise ControlError(shapes) from error
    if not given.isfinite().all() or (given < control.low).any() or (given > control.high).any():
        raise ControlError(f"{control.name} takes values from {control.low:g} to {control.high:g}")
    if control.kind == "categorical" and (given != given.round()).any():
        raise ControlError(f"{control.name} takes whole numbers from {control.low:g} to {control.high:g}")
    item = tuple(drawn.shape[1:])
    if tuple(given.shape) not in {item, tuple(drawn.shape)}:
        raise ControlError(shapes)
    return given.to(drawn.dtype).expand_as(drawn)
