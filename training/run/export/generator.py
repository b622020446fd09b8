"""The graph of a generator: its images with the latent code as inputs."""

from __future__ import annotations

import copy
from collections.abc import Collection, Mapping, Sequence

import torch
from torch import Tensor, nn

from models.generation.generator import Generator
from models.generation.graph import IMAGES
from training.errors import ExportError
from training.run.export.graph import export_module, serialise

_BATCH = 7
"""Number of images in the example that is traced."""


class _Images(nn.Module):
    """The images of codes, of which some parts are inputs and the others fixed."""

    def __init__(self, model: Generator, names: Sequence[str], fixed: Mapping[str, float]) -> None:
        super().__init__()
        self.model, self.names, self.fixed = model, names, fixed

    def forward(self, *parts: Tensor) -> Tensor:
        codes = dict(zip(self.names, parts, strict=True))
        # Made here, they are constants that what decides by their values can be traced with.
        return self.model.images(codes | {name: torch.tensor([value]) for name, value in self.fixed.items()})


def export_generator(model: Generator) -> bytes:
    """Return the serialised graph of a generator, in the form that :mod:`models.generation.graph` describes.

    Raises:
        ExportError: if the generator cannot become a graph.
    """
    model = copy.deepcopy(model)  # its weights may have been moved in inference mode, which cannot be traced
    latents = model.latents(range(_BATCH))
    choices = [control.name for control in model.controls if control.kind == "choice"]
    try:
        return _exported(model, latents, choices)
    except ExportError:  # a control may decide what is computed, as a fade that has ended does
        return _exported(model, latents, model.defaults(1).keys())


def _exported(model: Generator, latents: Mapping[str, Tensor], fixed: Collection[str]) -> bytes:
    inputs = {name: code.clone() for name, code in latents.items() if name not in fixed}
    module = _Images(model, list(inputs), {name: latents[name][0].item() for name in fixed})
    with torch.no_grad():
        return serialise(export_module(module, inputs, dict.fromkeys(inputs, (IMAGES,)), [IMAGES]))
