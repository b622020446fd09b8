"""The loader that turns checkpoints into backends that execute them with torch."""

from __future__ import annotations

import math

import torch

from models.checkpoints.checkpoint import Checkpoint, GeneratorSpec
from models.generation.generator import Generator
from models.prediction.graph_network import GraphNetwork
from models.prediction.predictor import Predictor
from service.backends.onnx_predictor import OnnxPredictor
from service.backends.torch_generator import TorchGenerator
from service.backends.torch_predictor import DrawCache, TorchPredictor


class TorchLoader:
    """A loader of models for one device.

    Args:
        device: Name of the device: ``cpu``, ``cuda``, ``cuda:1``; ``auto`` is CUDA where there is any.
        draw_cache_bytes: Limit on the bytes of draws that are kept for all models together.
        seed: The default seed, whose draws are made while warming up.
        precision: Numbers that draws are evaluated in, ``float32``; or ``bfloat16`` by those models that can.

    Raises:
        ValueError: if there is no such device.
    """

    def __init__(self, device: str, draw_cache_bytes: int, seed: int = 0, *, precision: str = "float32") -> None:
        self.device = find_device(device)
        self.cache = DrawCache(draw_cache_bytes)
        self.seed = seed
        self.precision = precision

    def load_backend(self, checkpoint: Checkpoint) -> TorchPredictor | TorchGenerator:
        """Put a checkpoint's model on the device and warm it.

        Raises:
            CheckpointError: if a graph of the model does not answer as the model does.
        """
        predicts = isinstance(checkpoint.model, Predictor)
        backend = self.predictor(checkpoint) if predicts else self.generator(checkpoint)
        if isinstance(backend, TorchPredictor):
            rows = backend.model.inputs.rows(checkpoint.examples["inputs"])
            if isinstance(backend, OnnxPredictor):
                backend.check_answer(rows)
            if self.precision == "bfloat16":
                backend.try_bfloat16(rows, self.seed)
        backend.warm(self.seed)
        return backend

    def predictor(self, checkpoint: Checkpoint) -> TorchPredictor:
        """Return the backend of a predictive model, not warm yet."""
        model, calibrated = checkpoint.model, checkpoint.calibration is not None
        assert isinstance(model, Predictor)  # a caller has looked
        if isinstance(model.posterior.network, GraphNetwork):
            network = model.posterior.network
            return OnnxPredictor(
                model, network.graph, self.device, self.cache, checkpoint.answer, weighs_evidence=calibrated
            )
        return TorchPredictor(model, self.device, self.cache, weighs_evidence=calibrated)

    def generator(self, checkpoint: Checkpoint) -> TorchGenerator:
        """Return the backend of a generator, not warm yet."""
        model, spec = checkpoint.model, checkpoint.manifest.model
        assert isinstance(model, Generator)  # a caller has looked
        assert isinstance(spec, GeneratorSpec)  # it built the model
        return TorchGenerator(model, self.device, math.prod(spec.images.shape))

    def count_halvings(self) -> int:
        """Return how often the device's memory has ended, and less was tried at once."""
        return self.cache.halvings

    def memory_bytes(self) -> dict[str, int]:
        """Return the bytes of draws that are kept, and of everything that torch has on a CUDA device."""
        kept = {"draw_cache": self.cache.bytes}
        if self.device.type == "cuda":
            kept["torch"] = torch.cuda.memory_allocated(self.device)
        return kept


def configure_torch(threads: int) -> None:
    """Set what torch has one of in a process.

    Args:
        threads: Number of torch's CPU threads; 0 leaves it to torch.
    """
    if threads:
        torch.set_num_threads(threads)
    # Otherwise a GPU's convolutions round to 10 bits, in ways that depend on the size of a batch (docs/decisions/0021).
    torch.backends.cudnn.allow_tf32 = False


def find_device(name: str) -> torch.device:
    """Return the device of a name.

    Raises:
        ValueError: if there is no such device, naming those that there are.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise ValueError(f"{name} was given, but torch finds no CUDA device; allowed here are auto and cpu")
    device = torch.device(name)
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        devices = torch.cuda.device_count()
        raise ValueError(f"{name} was given, but there are only {devices} CUDA devices, counted from 0")
    return device
