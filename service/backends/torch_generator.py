"""Images with torch: batches of latent codes of one generator."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.generation.generator import Generator
from models.generation.style import Projector

Latents = Mapping[str, Tensor]

_CHUNK_IMAGES = 64
"""Made at once: what a batch keeps in memory does not grow with it."""

_WARM_IMAGES = 8


@dataclass(frozen=True)
class GenerationJob:
    """One request's share of a batch.

    Attributes:
        images: How many.
        latents: Makes their codes, on the device's thread.
    """

    images: int
    latents: Callable[[], Latents]


@dataclass(frozen=True)
class Generation:
    """Images ``(n, channels, height, width)`` with pixels in [0, 1], and the codes that made them."""

    images: NDArray[np.float32]
    latents: Latents


class TorchGenerator:
    """A generator on a device.

    Attributes:
        work_weight: Work of one image; 1 for a small one.
        seconds_per_image: Measured in a batch.
        seconds_per_batch: Measured for one image alone.
    """

    def __init__(self, model: Generator, device: torch.device, pixels: int) -> None:
        self.model = model.to(device, model.precision)
        self.device = device
        self.work_weight = max(1.0, pixels / 1024)
        self.seconds_per_image = self.seconds_per_batch = 0.0

    def warm(self, seed: int) -> None:
        """Run to compile and allocate, and to measure."""
        self._seconds([seed])
        self.seconds_per_batch = min(self._seconds([seed]) for _ in range(2))
        self.seconds_per_image = min(self._seconds([seed] * _WARM_IMAGES) for _ in range(2)) / _WARM_IMAGES
        if isinstance(self.model, Projector):  # the first step of a process takes seconds: torch loads its optimisers
            next(self.model.projection(self.model.generate(self.model.latents([seed]))[0].clone()))

    def _seconds(self, seeds: Sequence[int]) -> float:
        start = time.perf_counter()
        self.run([GenerationJob(len(seeds), functools.partial(self.model.latents, seeds))], lambda: None)
        return time.perf_counter() - start

    def run(self, jobs: Sequence[GenerationJob], check_cancelled: Callable[[], None]) -> list[Generation]:
        """Make the codes of all jobs, and the images of each kind of code at once."""
        check_cancelled()
        latents = [job.latents() for job in jobs]
        kinds: dict[Hashable, list[tuple[int, list[int], Latents]]] = {}
        for job, codes in enumerate(latents):
            for rows in self._alike(codes):
                part = {name: tensor[rows] for name, tensor in codes.items()}
                kinds.setdefault(self.model.kind(part), []).append((job, rows, part))
        images: list[dict[int, NDArray[np.float32]]] = [{} for _ in jobs]
        for parts in kinds.values():
            made = iter(self._made([part for _, _, part in parts], check_cancelled))
            for job, rows, _ in parts:
                images[job] |= dict(zip(rows, made, strict=False))
        return [
            Generation(_stacked([found[i] for i in range(len(found))]), codes)
            for found, codes in zip(images, latents, strict=True)
        ]

    def _alike(self, latents: Latents) -> list[list[int]]:
        """Indices of the codes of the same choices."""
        choices = [latents[c.name] for c in self.model.controls if c.kind == "choice" and c.name in latents]
        together: dict[Hashable, list[int]] = {}
        chosen = torch.stack(choices, 1).tolist() if choices else [()] * len(next(iter(latents.values())))
        for i, choice in enumerate(chosen):
            together.setdefault(tuple(choice), []).append(i)
        return list(together.values())

    def _made(self, latents: Sequence[Latents], check_cancelled: Callable[[], None]) -> list[NDArray[np.float32]]:
        """Images of all of some codes of one kind, in their order."""
        together = {name: torch.cat([codes[name] for codes in latents]) for name in latents[0]}
        images: list[NDArray[np.float32]] = []
        count = len(next(iter(together.values())))
        for start in range(0, count, _CHUNK_IMAGES):
            check_cancelled()
            chunk = {name: tensor[start : start + _CHUNK_IMAGES] for name, tensor in together.items()}
            images += list(self.model.generate(chunk).cpu().numpy())
        return images


def _stacked(images: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """One array: where sizes differ, the pixels of the smaller are repeated."""
    height, width = (max(image.shape[axis] for image in images) for axis in (1, 2))
    return np.stack([i.repeat(height // i.shape[1], 1).repeat(width // i.shape[2], 2) for i in images])
