"""The images of a batch of jobs with torch: codes of one kind run together, whichever job they belong to."""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from models.generation.generator import Generator
from service.backends.generator_jobs import Float32Array, Generation, ImagesJob
from service.backends.torch_faults import free_memory, is_out_of_memory
from service.backends.torch_latents import Latents, arrays, latents_of
from service.scheduling.batching import CheckCancelled

log = logging.getLogger(__name__)

Generate = Callable[[Latents], Tensor]
"""A function from codes of one kind to their images, as :meth:`Generator.generate` is."""

CHUNK_IMAGES = 16
"""Number of images made at once, always: kernels are chosen by the size of a batch, and each rounds in its own way.

So an image is the same to the bit alone and in any batch (docs/decisions/0034-chunks-of-one-size.md).
"""


def make_images(
    model: Generator, generate: Generate, jobs: Sequence[ImagesJob], check_cancelled: CheckCancelled
) -> list[Generation]:
    """Make the codes of all jobs, and the images of each kind of code at once."""
    check_cancelled()
    latents = [latents_of(model, job) for job in jobs]
    kinds: dict[Hashable, list[tuple[int, list[int], Latents]]] = {}
    for job, codes in enumerate(latents):
        for rows in _rows_alike(model, codes):
            part = {name: tensor[rows] for name, tensor in codes.items()}
            kinds.setdefault(model.kind(part), []).append((job, rows, part))
    images: list[dict[int, Float32Array]] = [{} for _ in jobs]
    for parts in kinds.values():
        of_kind = iter(_images_of_one_kind(generate, [part for _, _, part in parts], check_cancelled))
        for job, rows, _ in parts:
            images[job] |= dict(zip(rows, of_kind, strict=False))
    return [
        Generation(_stack([by_row[i] for i in range(len(by_row))]), _scalars(model, codes))
        for by_row, codes in zip(images, latents, strict=True)
    ]


def _rows_alike(model: Generator, latents: Mapping[str, Tensor]) -> list[list[int]]:
    """Return the indices of the codes of the same choices."""
    choices = [latents[c.name] for c in model.controls if c.kind == "choice" and c.name in latents]
    together: dict[Hashable, list[int]] = {}
    chosen = torch.stack(choices, 1).tolist() if choices else [()] * len(next(iter(latents.values())))
    for i, choice in enumerate(chosen):
        together.setdefault(tuple(choice), []).append(i)
    return list(together.values())


def _images_of_one_kind(
    generate: Generate, latents: Sequence[Latents], check_cancelled: CheckCancelled
) -> list[Float32Array]:
    """Make the images of all of some codes of one kind, in their order, in chunks that the last code fills up."""
    together = {name: torch.cat([codes[name] for codes in latents]) for name in latents[0]}
    images: list[Float32Array] = []
    count = len(next(iter(together.values())))
    for start in range(0, count, CHUNK_IMAGES):
        check_cancelled()
        rows = torch.arange(start, start + CHUNK_IMAGES).clamp_max(count - 1)
        chunk = {name: tensor[rows] for name, tensor in together.items()}
        images += list(_make(generate, chunk).cpu().numpy()[: count - start])
    return images


def _make(generate: Generate, codes: Latents) -> Tensor:
    """Make images, in halves where the memory is too small for all."""
    count = len(next(iter(codes.values())))
    try:
        return generate(codes)
    except Exception as error:
        if not is_out_of_memory(error) or count == 1:
            raise
    free_memory()
    log.warning("memory ended at %d images, which are halved", count)
    halves = slice(None, count // 2), slice(count // 2, None)
    return torch.cat([_make(generate, {name: tensor[half] for name, tensor in codes.items()}) for half in halves])


def _scalars(model: Generator, latents: Mapping[str, Tensor]) -> dict[str, np.ndarray]:
    """Return the parts of codes that are controls of one value."""
    scalars = [control.name for control in model.controls if control.kind != "vector" and control.name in latents]
    return arrays({name: latents[name] for name in scalars})


def _stack(images: Sequence[Float32Array]) -> Float32Array:
    """Stack images into one array: where sizes differ, the pixels of the smaller are repeated."""
    height, width = (max(image.shape[axis] for image in images) for axis in (1, 2))
    return np.stack([i.repeat(height // i.shape[1], 1).repeat(width // i.shape[2], 2) for i in images])
