"""A generator with ONNX Runtime: what torch's backend does, with the usual images made by a graph."""

from __future__ import annotations

import torch

from models.errors import CheckpointError
from models.generation.generator import Generator
from models.generation.graph import GraphImages
from service.backends.torch_generator import TorchGenerator


class OnnxGenerator(TorchGenerator):
    """A generator on a device whose images are made by a graph, but for codes that the graph is not of.

    Args:
        model: The generator; it is moved to ``device``.
        graph: Serialised graph of its images.
        device: The device that computes.
        pixels: Number of values of one image.

    Raises:
        CheckpointError: if ONNX Runtime does not take the graph.
    """

    name = "onnx"

    def __init__(self, model: Generator, graph: bytes, device: torch.device, pixels: int) -> None:
        super().__init__(model, device, pixels)
        self.generate = GraphImages(graph, model).generate


def check_images(by_graph: OnnxGenerator, by_torch: TorchGenerator) -> None:
    """Refuse a graph that does not make the images of the model's own weights.

    Raises:
        CheckpointError: saying so.
    """
    latents = by_torch.model.latents(_SEEDS)
    try:
        images, expected = by_graph.generate(latents), by_torch.generate(latents)
    except Exception as error:  # whatever a graph may raise, it is refused and its neighbours serve
        raise CheckpointError("the graph cannot make an image") from error
    if images.shape != expected.shape or not bool(((images - expected).abs() <= _TOLERANCE).all()):
        raise CheckpointError("the graph does not make the images that the model makes")


_SEEDS = (0, 1, 2)
_TOLERANCE = 1e-3
"""Between machines: far above rounding, far below what another weight makes of a pixel."""
