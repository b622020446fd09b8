"""Images that ONNX Runtime makes, from a graph that has the latent code as inputs.

A graph takes the parts of a code that a seed draws, ``(B, ...)`` by their names, and where it can the controls that
have a default. It returns ``images`` ``(B, channels, height, width)``. It is of one kind of code, that of a request
without controls: the others are made by torch.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from models.errors import NonFiniteOutputError
from models.generation.generator import Generator
from models.graphs import Session

IMAGES = "images"


class GraphImages:
    """The images of a generator, made by a graph where it is of their kind.

    Args:
        content: The serialised graph.
        model: The generator, on its device.

    Raises:
        CheckpointError: if ONNX Runtime does not take the graph.
    """

    def __init__(self, content: bytes, model: Generator) -> None:
        self._model = model
        self._session = Session(content, next(model.parameters()).device)
        self._fixed = {name: value for name, value in model.defaults(1).items() if name not in self._session.inputs}

    def takes(self, latents: Mapping[str, Tensor]) -> bool:
        """Return whether codes ``(B, ...)`` are of the graph's kind."""
        known = self._session.inputs.keys() | self._fixed.keys()
        return latents.keys() == known and all(bool((latents[n] == v).all()) for n, v in self._fixed.items())

    @torch.inference_mode()
    def generate(self, latents: Mapping[str, Tensor]) -> Tensor:
        """Return images of latent codes, as :meth:`~models.generation.generator.Generator.generate` does.

        Returns:
            Pixels in [0, 1], ``(B, channels, height, width)``.

        Raises:
            NonFiniteOutputError: if a pixel is NaN.
        """
        if not self.takes(latents):
            return self._model.generate(latents)
        device = next(self._model.parameters()).device
        feeds = {name: latents[name].to(device) for name in self._session.inputs}
        (images,) = self._session.run(feeds, [IMAGES], {"images": len(next(iter(feeds.values())))})
        if not images.isfinite().all():
            raise NonFiniteOutputError("the generator's output is not finite")
        return images
