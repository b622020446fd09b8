"""Images with torch: batches of latent codes of one generator."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.generator import Generator

Latents = dict[str, Tensor]


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
            self.run([self.model.latents([seed])], lambda: None)
            self.seconds_per_image = time.perf_counter() - start

    def run(self, jobs: Sequence[Latents], wanted: Callable[[], None]) -> list[NDArray[np.float32]]:
        """Images of each job's codes, ``(n, channels, height, width)`` in [0, 1]."""
        wanted()
        sizes = [len(next(iter(job.values()))) for job in jobs]
        together = {name: torch.cat([job[name] for job in jobs]) for name in jobs[0]}
        images = self.model.generate(together).float().cpu().numpy()
        return list(np.split(images, np.cumsum(sizes)[:-1]))
