"""A search that goes on for as long as a test wants, so that there is time to look at it."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import torch
from layered import Layered

from models.generation.style import Projection


class Endless:
    """A search that goes on for as long as it may, and counts its steps."""

    def __init__(self) -> None:
        self.steps = 0
        self.go = threading.Event()

    def __call__(self, _model: Layered, pixels: torch.Tensor) -> Iterator[Projection]:
        while not self.go.wait(0.01):
            self.steps += 1
            yield Projection(torch.zeros(4), pixels, 1.0 / self.steps, 1, 2)
        yield Projection(torch.ones(4), pixels, 0.0, 2, 2)
