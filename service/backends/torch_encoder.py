"""The way back with torch: codes read off images, and images reconstructed from their codes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.errors import NonFiniteOutputError
from models.generation.encoder import Autoencoder, Encoder, Probabilities
from models.generation.generator import Generator
from service.backends.generator_jobs import (
    EncodeJob,
    Float32Array,
    Float64Array,
    Readings,
    Reconstruction,
    ReconstructJob,
)
from service.scheduling.batching import CheckCancelled


@torch.inference_mode()
def encode(model: Generator, jobs: Sequence[EncodeJob], check_cancelled: CheckCancelled) -> list[Readings]:
    """Read the codes of the images of all jobs at once."""
    check_cancelled()
    readings = _read(model, np.concatenate([job.pixels for job in jobs]))
    ends = np.cumsum([job.size for job in jobs]).tolist()
    return [_rows(readings, slice(end - job.size, end)) for job, end in zip(jobs, ends, strict=True)]


@torch.inference_mode()
def reconstruct(
    model: Generator, jobs: Sequence[ReconstructJob], check_cancelled: CheckCancelled
) -> list[Reconstruction]:
    """Reconstruct the images of each job, by the law of total variance over the codes drawn."""
    assert isinstance(model, Autoencoder)  # its operations say so, and the handler has asked
    return [Reconstruction(_reconstruct(model, job, check_cancelled), _read(model, job.pixels)) for job in jobs]


def _read(model: Generator, images: Float32Array) -> Readings:
    assert isinstance(model, Encoder)  # its operations say so, and the handler has asked
    readings: dict[str, dict[str, NDArray[Any]]] = {}
    for name, code in model.readings(_on_device(model, images)).items():
        if isinstance(code, Probabilities):
            readings[name] = {"value": _array(code.probs.argmax(-1)), "probabilities": _array(code.probs)}
        else:
            readings[name] = {"mean": _array(code.mean), "variance": _array(code.variance)}
    return readings


def _rows(readings: Readings, rows: slice) -> Readings:
    return {name: {part: values[rows] for part, values in code.items()} for name, code in readings.items()}


def _reconstruct(
    model: Autoencoder, job: ReconstructJob, check_cancelled: CheckCancelled
) -> dict[str, Float64Array | None]:
    pixels = _on_device(model, job.pixels)
    # In float64: a variance is a small difference of large numbers.
    total, squared, noise = (torch.zeros(pixels.shape, dtype=torch.float64, device=pixels.device) for _ in range(3))
    check_cancelled()
    for part in model.reconstructions(pixels, job.samples, job.seed):
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


def _on_device(model: Generator, pixels: Float32Array) -> Tensor:
    return torch.from_numpy(pixels).to(next(model.parameters()).device)


def _array(tensor: Tensor) -> NDArray[Any]:
    if not tensor.isfinite().all():
        raise NonFiniteOutputError("the generator's output is not finite")
    array: NDArray[Any] = tensor.cpu().numpy()
    return array
