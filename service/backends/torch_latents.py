"""The latent codes that jobs, which are data, stand for, as tensors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from models.errors import ControlError
from models.generation import latent_traversal
from models.generation.generator import Generator
from models.generation.style import StyleMixer
from models.generation.style_mixing import mix_styles
from service.backends.generator_jobs import (
    Codes,
    GenerateJob,
    ImagesJob,
    InterpolateJob,
    MixJob,
    Sweep,
    TraverseJob,
)

Latents = dict[str, Tensor]


def latents_of(model: Generator, job: ImagesJob) -> Latents:
    """Return the codes of a job's images, by the part's name with the images leading.

    Raises:
        ControlError: if there is no such code.
    """
    match job:
        case GenerateJob():
            return model.latents(job.seeds) | tensors(job.codes)
        case TraverseJob():
            held = model.latents([job.seed]) | tensors(job.codes)
            return latent_traversal.traverse(held, _sweep(job.rows), _sweep(job.columns))
        case InterpolateJob():
            return _interpolated(model, job)
        case MixJob():
            return _mixed(model, job)


def tensors(codes: Codes) -> Latents:
    """Return codes as tensors of the same types."""
    return {name: torch.from_numpy(values) for name, values in codes.items()}


def arrays(latents: Mapping[str, Tensor]) -> dict[str, Any]:
    """Return codes as arrays of the same types, on the CPU."""
    return {name: values.contiguous().cpu().numpy() for name, values in latents.items()}


def _sweep(sweep: Sweep | None) -> latent_traversal.Sweep | None:
    if sweep is None:
        return None
    return latent_traversal.Sweep(sweep.control, sweep.index, torch.from_numpy(sweep.values))


def _interpolated(model: Generator, job: InterpolateJob) -> Latents:
    start, end = (latents_of(model, end) for end in job.ends)
    if alone := start.keys() ^ end.keys():
        raise ControlError(f"{min(alone)} is given at one end only; give it at both")
    ends = {name: torch.cat([start[name], end[name]]) for name in start}
    return latent_traversal.interpolate(model, ends, job.steps, job.method)


def _mixed(model: Generator, job: MixJob) -> Latents:
    assert isinstance(model, StyleMixer)  # its operations say so, and the handler has asked
    codes = tensors(job.codes)
    sources = {level: model.latents(seeds) | codes for level, seeds in job.levels.items()}
    return mix_styles(model, model.latents(job.seeds) | codes, sources)
