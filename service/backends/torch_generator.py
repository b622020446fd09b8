"""Images with torch: batches of latent codes of one generator."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.generator import Generator
from models.noise import draw_rows

Latents = dict[str, Tensor]


@dataclass(frozen=True)
class GenerationJob:
    """One request's share of a batch.

    Attributes:
        seeds: One an image.
        overrides: Codes that the request sets, checked, one row an image.
    """

    seeds: Sequence[int]
    overrides: Latents


@dataclass(frozen=True)
class Generation:
    """Images ``(n, channels, height, width)`` with pixels in [0, 1], and the codes that made them."""

    images: NDArray[np.float32]
    latents: Latents


class TorchGenerator:
    """A generator on a device.

    Attributes:
        seconds_per_image: Measured for one image alone, so an upper bound.
    """

    def __init__(self, model: Generator, device: torch.device) -> None:
        self.model = model.to(device)
        self.device = device
        self.seconds_per_image = 0.0

    def warm(self, seed: int) -> None:
        """Run once to compile and allocate, and once to measure."""
        for _ in range(2):
            start = time.perf_counter()
            self.run([GenerationJob([seed], {})], lambda: None)
            self.seconds_per_image = time.perf_counter() - start

    def run(self, jobs: Sequence[GenerationJob], wanted: Callable[[], None]) -> list[Generation]:
        """Draw the codes of all jobs, and make the images of each kind of code at once."""
        wanted()
        latents = [self.model.completed(draw_rows(self.model.sites, job.seeds)) | dict(job.overrides) for job in jobs]
        kinds: dict[Hashable, list[int]] = {}
        for i, codes in enumerate(latents):
            kinds.setdefault(self.model.kind(codes), []).append(i)
        done: dict[int, Generation] = {}
        for alike in kinds.values():
            made = self._made([latents[i] for i in alike])
            done |= {i: Generation(images, latents[i]) for i, images in zip(alike, made, strict=True)}
        return [done[i] for i in range(len(jobs))]

    def _made(self, latents: Sequence[Latents]) -> list[NDArray[np.float32]]:
        """Images of each of some codes of one kind, in one batch."""
        together = {name: torch.cat([codes[name] for codes in latents]) for name in latents[0]}
        images = self.model.generate(together).float().cpu().numpy()
        sizes = [len(next(iter(codes.values()))) for codes in latents]
        return np.split(images, np.cumsum(sizes)[:-1])
