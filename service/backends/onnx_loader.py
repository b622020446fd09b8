"""The loader that takes the graph of a checkpoint where it is faster than torch, or where nothing else is wanted."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

from models.checkpoints.checkpoint import Checkpoint
from models.checkpoints.selftest import verify
from models.errors import CheckpointError
from models.graphs import runs_on
from models.prediction.outputs import SentOutputs
from service.backends.onnx_generator import OnnxGenerator, check_images
from service.backends.onnx_predictor import OnnxPredictor
from service.backends.protocols import Choice
from service.backends.torch_generator import TorchGenerator
from service.backends.torch_images import CHUNK_IMAGES
from service.backends.torch_loader import TorchLoader
from service.backends.torch_predictor import TorchPredictor
from service.backends.torch_timing import race
from service.settings import Settings

log = logging.getLogger(__name__)

B = TypeVar("B", TorchPredictor, TorchGenerator)


class OnnxLoader(TorchLoader):
    """A loader of models for one device, as graphs or with torch.

    Args:
        device: Name of the device: ``cpu``, ``cuda``, ``cuda:1``; ``auto`` is CUDA where there is any.
        draw_cache_bytes: Limit on the bytes of draws that are kept for all models together.
        seed: The default seed, whose draws are made while warming up.
        precision: Numbers that draws are evaluated in, ``float32``; or ``bfloat16`` by those models that can.
        always: Whether a model without a graph is refused, and one with a graph is not compared with torch.

    Raises:
        ValueError: if there is no such device.
    """

    def __init__(
        self, device: str, draw_cache_bytes: int, seed: int = 0, *, precision: str = "float32", always: bool = False
    ) -> None:
        super().__init__(device, draw_cache_bytes, seed, precision=precision)
        self._always = always
        if not runs_on(self.device):
            log.warning(
                "graphs run on the CPU, as this build of ONNX Runtime cannot use %s: docs/deployment.md tells how to"
                " install the other one",
                self.device,
            )

    def predictor(self, checkpoint: Checkpoint) -> TorchPredictor:
        """Return the backend of a predictive model, the faster one if there are two.

        Raises:
            CheckpointError: if its graph does not pass the model's tests, or it has none and must have one.
        """
        by_torch = super().predictor(checkpoint)
        if isinstance(by_torch.model.posterior.network, SentOutputs):  # there is nothing to run
            return by_torch
        graph = self._graph(checkpoint)
        if graph is None or isinstance(by_torch, OnnxPredictor):  # an imported network is a graph alone
            return by_torch
        evidence = by_torch.weighs_evidence
        by_graph = OnnxPredictor(
            by_torch.model, graph, self.device, self.cache, checkpoint.answer, weighs_evidence=evidence
        )
        verify(replace(checkpoint, model=by_graph.model))
        if self._always:
            return by_graph
        block = by_torch.draw_block
        draws = self.cache.draws(by_torch.model.posterior, self.seed, 0, block, block)
        return _fastest([by_torch, by_graph], race([by_torch.model, by_graph.model], draws, self.device))

    def generator(self, checkpoint: Checkpoint) -> TorchGenerator:
        """Return the backend of a generator, the faster one if there are two.

        Raises:
            CheckpointError: if its graph does not make the model's images, or it has none and must have one.
        """
        by_torch, graph = super().generator(checkpoint), self._graph(checkpoint)
        if graph is None:
            return by_torch
        by_graph = OnnxGenerator(by_torch.model, graph, self.device, by_torch.pixels)
        check_images(by_graph, by_torch)
        if self._always:
            return by_graph
        for backend in (by_torch, by_graph):
            backend.warm(self.seed)
        backends = [by_torch, by_graph]
        return _fastest(backends, [(b.seconds_per_batch, b.seconds_per_image * CHUNK_IMAGES) for b in backends])

    def _graph(self, checkpoint: Checkpoint) -> bytes | None:
        if checkpoint.graph is None and self._always:
            raise CheckpointError(
                f"it has no graph: python -m training export {checkpoint.manifest.name} adds one, or set"
                " CREDENCE_BACKEND to auto or torch"
            )
        return checkpoint.graph


def _fastest(backends: Sequence[B], seconds: Sequence[Sequence[float]]) -> B:
    choice = Choice({backend.name: times for backend, times in zip(backends, seconds, strict=True)})
    chosen = next(backend for backend in backends if backend.name == choice.fastest)
    chosen.choice = choice
    return chosen


def loader_of(settings: Settings) -> TorchLoader:
    """Return the loader that the settings ask for.

    Raises:
        ValueError: if there is no such device.
    """
    given, precision = (settings.device, settings.draw_cache_bytes, settings.seed), settings.precision
    if settings.backend == "torch":
        return TorchLoader(*given, precision=precision)
    return OnnxLoader(*given, precision=precision, always=settings.backend == "onnx")
