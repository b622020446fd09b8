"""What generators tell of images, with torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.errors import NonFiniteOutputError
from models.generation.encoder import Autoencoder, Encoder, Probabilities
from service.backends.torch_generator import TorchGenerator

Float32Array = NDArray[np.float32]
Readings = dict[str, dict[str, NDArray[Any]]]
"""By control: ``mean`` and ``variance``, or ``probabilities`` and the likeliest ``value``; one entry an image."""


@dataclass(frozen=True)
class ReadingJob:
    """Images to read codes off: pixels in [0, 1], ``(B, channels, height, width)``."""

    pixels: Float32Array

    @property
    def images(self) -> int:
        """What the work grows with."""
        return len(self.pixels)


@dataclass(frozen=True)
class ReconstructionJob:
    """Images to reconstruct, each from ``samples`` codes; 0 is the posterior's mean."""

    pixels: Float32Array
    samples: int
    seed: int

    @property
    def images(self) -> int:
        """What the work grows with."""
        return len(self.pixels) * max(1, self.samples)


@dataclass(frozen=True)
class Reconstruction:
    """Statistics of the pixels, ``(B, channels, height, width)``, ``None`` where nothing was estimated; the codes."""

    columns: dict[str, NDArray[np.float64] | None]
    readings: Readings


@torch.inference_mode()
def read(engine: TorchGenerator, jobs: Sequence[ReadingJob], check_cancelled: Callable[[], None]) -> list[Readings]:
    """Codes that the images of all jobs tell of."""
    check_cancelled()
    readings = _readings(engine, np.concatenate([job.pixels for job in jobs]))
    ends = np.cumsum([len(job.pixels) for job in jobs]).tolist()
    return [_rows(readings, slice(end - len(job.pixels), end)) for job, end in zip(jobs, ends, strict=True)]


@torch.inference_mode()
def reconstruct(
    engine: TorchGenerator, jobs: Sequence[ReconstructionJob], check_cancelled: Callable[[], None]
) -> list[Reconstruction]:
    """Reconstructions of the images of each job, by the law of total variance over the codes drawn."""
    return [Reconstruction(_columns(engine, job, check_cancelled), _readings(engine, job.pixels)) for job in jobs]


def _readings(engine: TorchGenerator, images: Float32Array) -> Readings:
    assert isinstance(engine.model, Encoder)  # the route has asked
    readings: Readings = {}
    for name, code in engine.model.readings(torch.from_numpy(images).to(engine.device)).items():
        if isinstance(code, Probabilities):
            readings[name] = {"value": _array(code.probs.argmax(-1)), "probabilities": _array(code.probs)}
        else:
            readings[name] = {"mean": _array(code.mean), "variance": _array(code.variance)}
    return readings


def _rows(readings: Readings, rows: slice) -> Readings:
    return {name: {part: values[rows] for part, values in code.items()} for name, code in readings.items()}


def _columns(
    engine: TorchGenerator, job: ReconstructionJob, check_cancelled: Callable[[], None]
) -> dict[str, NDArray[np.float64] | None]:
    assert isinstance(engine.model, Autoencoder)  # the route has asked
    pixels = torch.from_numpy(job.pixels).to(engine.device)
    # In float64: a variance is a small difference of large numbers.
    total, squared, noise = (torch.zeros(pixels.shape, dtype=torch.float64, device=engine.device) for _ in range(3))
    check_cancelled()
    for part in engine.model.reconstructions(pixels, job.samples, job.seed):
        check_cancelled()
        total += part.mean.double().sum(0)
        squared += part.mean.double().square().sum(0)
        noise += part.variance.double().sum(0)
    draws = max(1, job.samples)
    mean, aleatoric = total / draws, noise / draws
    epistemic = (squared / draws - mean.square()).clamp_min(0.0)  # rounding must not make it negative
    return {
        "mean": _array(mean),
        "aleatoric_variance": _array(aleatoric),
        "epistemic_variance": _array(epistemic) if job.samples else None,
        "total_variance": _array(aleatoric + epistemic) if job.samples else None,
    }


def _array(tensor: Tensor) -> NDArray[Any]:
    if not tensor.isfinite().all():
        raise NonFiniteOutputError("the generator's output is not finite")
    array: NDArray[Any] = tensor.cpu().numpy()
    return array
