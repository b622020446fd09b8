"""Searches for the style of an image with torch, in slices of time, so that requests come between."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from weakref import WeakKeyDictionary

import torch

from models.errors import NonFiniteOutputError
from models.generation.generator import Generator
from models.generation.style import Projection, Projector
from service.backends.generator_jobs import FoundStyle, ProjectJob, SearchProgress
from service.scheduling.batching import CheckCancelled

SLICE_SECONDS = 0.05
"""Seconds after which a slice ends, at the next chance that the model gives."""


class Searches:
    """The searches of one model, each kept for as long as its job is; only the device's thread uses them."""

    def __init__(self) -> None:
        self._steps: WeakKeyDictionary[ProjectJob, Iterator[Projection]] = WeakKeyDictionary()

    def advance(
        self, model: Generator, jobs: Sequence[ProjectJob], check_cancelled: CheckCancelled
    ) -> list[SearchProgress]:
        """Take each search a slice further.

        Raises:
            NonFiniteOutputError: if a search diverged.
        """
        assert isinstance(model, Projector)  # its operations say so, and the handler has asked
        check_cancelled()
        return [_advance(self._steps_of(model, job)) for job in jobs]

    def _steps_of(self, model: Projector, job: ProjectJob) -> Iterator[Projection]:
        if job not in self._steps:
            device = next(model.parameters()).device
            self._steps[job] = model.projection(torch.from_numpy(job.pixels).to(device))
        return self._steps[job]


def _advance(steps: Iterator[Projection]) -> SearchProgress:
    end, projection = time.monotonic() + SLICE_SECONDS, None
    for projection in steps:
        if not math.isfinite(projection.loss):
            raise NonFiniteOutputError("the search went beyond all bounds")
        if time.monotonic() >= end:
            return SearchProgress(_found(projection), ended=False)
    return SearchProgress(None if projection is None else _found(projection), ended=True)


def _found(projection: Projection) -> FoundStyle:
    w, image = projection.w.detach().cpu().numpy(), projection.image.detach().float().cpu().numpy()
    return FoundStyle(w, image, projection.loss, projection.step, projection.steps)
