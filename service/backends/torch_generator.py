"""Images with torch: batches of latent codes of one generator."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
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
        """Draw the codes of all jobs and make their images at once."""
        wanted()
        latents = [draw_rows(self.model.sites, job.seeds) | dict(job.overrides) for job in jobs]
        together = {name: torch.cat([codes[name] for codes in latents]) for name in latents[0]}
        images = self.model.generate(together).float().cpu().numpy()
        parts = np.split(images, np.cumsum([len(job.seeds) for job in jobs])[:-1])
        return [Generation(part, codes) for part, codes in zip(parts, latents, strict=True)]
